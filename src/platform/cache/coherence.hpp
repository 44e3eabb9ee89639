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

/// Changed things of one kind, by id. The name of a kind is "service.thing", and must live as long as the program.
struct Change {
    std::string_view kind;
    std::vector<std::int64_t> ids;
};
/// In the order in which they are dropped.
using Changes = std::vector<Change>;

/// Keeps the memory of all processes coherent with the databases: a process that commits a change announces it, and
/// every process drops what it has cached of it before the writer's client gets its answer. Thread-safe.
class Coherence {
public:
    using Drop = std::function<void(std::int64_t id)>;
    using Clear = std::function<void()>;
    /// Ends the registration when destroyed; after that neither function is called.
    class Registration {
    public:
        virtual ~Registration() = default;
    };
    struct Announcement;
    /// An announcement that is under way; null when it has completed.
    using AnnouncementPointer = std::shared_ptr<Announcement>;

    Coherence() = default;
    virtual ~Coherence() = default;
    Coherence(const Coherence&) = delete;
    Coherence& operator=(const Coherence&) = delete;

    /// Registers a cache of things of `kind` that respects live(). `drop` removes one thing, `clear` all. A value that
    /// was read before must not be cached after it; Local ensures this. Both are called on any thread, must be quick,
    /// and must not throw or call this object. Register before serving.
    [[nodiscard]] virtual std::unique_ptr<Registration> on(std::string_view kind, Drop drop, Clear clear);

    /// Drops `changes` in this process and starts to announce them to the others. Call at the commit; never waits.
    /// A process that changes things of a service must have registered a kind of that service.
    virtual AnnouncementPointer announce(const Changes& changes) = 0;
    /// Returns when every process that caches what was announced has dropped it, or has not confirmed it in time.
    virtual Task<void> wait_until_dropped(AnnouncementPointer announcement) = 0;
    /// Announces `changes` and waits.
    Task<void> changed(Changes changes);

    /// False while this process may miss changes by others: caches then find and store nothing. Lives as long as this.
    const std::atomic<bool>& live() const { return live_; }

    /// Drops everything of `service` in this process; of all services when it is empty.
    void clear(std::string_view service = {}) const;

protected:
    void drop(std::string_view kind, const std::vector<std::int64_t>& ids) const;
    void drop(const Changes& changes) const;
    std::atomic<bool> live_{true};

private:
    class Registered;

    mutable std::shared_mutex mutex_;  // held, shared, while registered functions are called
    std::multimap<std::string, const Registered*, std::less<>> registered_;
};

/// For a process that alone uses its databases: no other process has anything to drop.
std::unique_ptr<Coherence> make_memory_coherence();

/// The service in the name of a kind.
std::string_view service_of(std::string_view kind);

/// Registers caches of things of one kind, whose keys are the ids. The caches outlive the registration.
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
