#pragma once

#include <atomic>
#include <cstddef>

namespace guildhall::http {

/// How many bytes the sessions of a server may use together for requests that are received or handled, besides the
/// small buffer that each session has of its own. Thread-safe.
class ReceiveBudget {
public:
    explicit ReceiveBudget(std::size_t limit) : limit_(limit) {}

    /// Takes `bytes`; false, and nothing is taken, when there are not as many left.
    bool take(std::size_t bytes) {
        if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_) return true;
        give_back(bytes);
        return false;
    }
    void give_back(std::size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
    std::size_t used() const { return used_.load(std::memory_order_relaxed); }

private:
    const std::size_t limit_;
    std::atomic<std::size_t> used_{0};
};

}  // namespace guildhall::http
