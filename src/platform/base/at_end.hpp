#pragma once

#include <utility>

namespace guildhall {

/// Runs `action` when the scope ends, however it ends. For what follows a transaction also when its outcome is unknown:
/// what it may have changed is dropped from the caches.
template <class Action>
class [[nodiscard]] AtEnd {
public:
    explicit AtEnd(Action action) : action_(std::move(action)) {}
    ~AtEnd() { action_(); }
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;

private:
    Action action_;
};

}  // namespace guildhall
