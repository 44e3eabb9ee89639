#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "platform/async/task.hpp"

namespace guildhall::cache {

/// Things that have changed, of one kind, by id. A kind is named "service.thing" and lives as long as the program.
struct Change {
    std::string_view kind;
    std::vector<std::int64_t> ids;
};
/// In the order in which they are dropped.
using Changes = std::vector<Change>;

/// Keeps what the processes of a deployment have in memory like the databases they read it from: who commits a change says so, and every process drops what it
/// keeps of it before the writer's client gets its answer. Thread-safe.
class Coherence {
public:
    using Drop = std::function<void(std::int64_t id)>;
    using Clear = std::function<void()>;
    /// Ends the registration when destroyed; after that neither function is called.
    class Registration {
    public:
        virtual ~Registration() = default;
    };
    struct Turn;
    /// What announce() has begun; null when it is over already.
    using Told = std::shared_ptr<Turn>;

    Coherence() = default;
    virtual ~Coherence() = default;
    Coherence(const Coherence&) = delete;
    Coherence& operator=(const Coherence&) = delete;

    /// This process keeps things of `kind` (a cache that heeds live()): `drop` lets go of one, `clear` of all, and what was read before that must not be put after
    /// it, as Local sees to. Both are called on any thread, must be quick, not throw, and not call this object. Register before serving.
    [[nodiscard]] virtual std::unique_ptr<Registration> on(std::string_view kind, Drop drop, Clear clear);

    /// Drops `changes` here, at once, and begins to tell the other processes. For the moment of the commit; never waits.
    /// A process that changes things of a service has registered for something of that service.
    virtual Told announce(const Changes& changes) = 0;
    /// Ends when every process that keeps what was announced has dropped it, or has not said so for too long.
    virtual Task<void> settled(Told told) = 0;
    /// Both.
    Task<void> changed(Changes changes);

    /// False while this process may not hear what others change: then a cache is as good as empty and keeps nothing. It lives as long as this.
    const std::atomic<bool>& live() const { return live_; }

    /// Lets go, in this process, of everything of `service`; of all services when it is empty.
    void clear(std::string_view service = {}) const;

protected:
    void drop(std::string_view kind, const std::vector<std::int64_t>& ids) const;
    void drop(const Changes& changes) const;
    std::atomic<bool> live_{true};

private:
    class Keeper;

    mutable std::shared_mutex mutex_;  // held, shared, while keepers are called
    std::multimap<std::string, const Keeper*, std::less<>> keepers_;
};

/// Of a process that is alone on its databases: what it drops itself is all there is to drop.
std::unique_ptr<Coherence> make_memory_coherence();

/// The service in the name of a kind.
std::string_view service_of(std::string_view kind);

/// Registers caches of things of one kind, which outlive the registration; their keys are the ids.
template <class First, class... Rest>
[[nodiscard]] std::unique_ptr<Coherence::Registration> keep_coherent(Coherence& coherence, std::string_view kind,
                                                                     First& first, Rest&... rest) {
    auto drop = [&first, &rest...](std::int64_t id) {
        first.invalidate(typename First::KeyType{id});
        (rest.invalidate(typename Rest::KeyType{id}), ...);
    };
    auto clear = [&first, &rest...] {
        first.clear();
        (rest.clear(), ...);
    };
    return coherence.on(kind, std::move(drop), std::move(clear));
}

}  // namespace guildhall::cache
