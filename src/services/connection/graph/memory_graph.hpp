#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>
#include <vector>

#include <pthread.h>

#include "platform/async/pool.hpp"
#include "platform/cache/local.hpp"
#include "services/connection/graph/compact_graph.hpp"
#include "services/connection/graph/graph.hpp"
#include "services/connection/graph/graph_questions.hpp"

namespace guildhall::connection {

/// Many readers or one writer; who waits to write goes before readers that come later, so that reading without a pause
/// cannot keep a change out. For std::unique_lock and std::shared_lock.
class WriterFirstMutex {
public:
    WriterFirstMutex();
    ~WriterFirstMutex() { ::pthread_rwlock_destroy(&lock_); }
    WriterFirstMutex(const WriterFirstMutex&) = delete;
    WriterFirstMutex& operator=(const WriterFirstMutex&) = delete;

    void lock() { ::pthread_rwlock_wrlock(&lock_); }
    void unlock() { ::pthread_rwlock_unlock(&lock_); }
    void lock_shared() { ::pthread_rwlock_rdlock(&lock_); }
    bool try_lock_shared() { return ::pthread_rwlock_tryrdlock(&lock_) == 0; }
    void unlock_shared() { ::pthread_rwlock_unlock(&lock_); }

private:
    pthread_rwlock_t lock_;
};

/// The graph in this process's memory: about 5 bytes for each side of a connection (docs/benchmarks.md), one for all
/// requests. Each thread that asks keeps up to 30 bytes a member to write on. Small questions (to 20,000 visits, see
/// graph_questions.hpp, which has all bounds) are answered on the calling thread, which never waits for a
/// lock; all else, and every change, runs on the pool. A question sees each change whole or not at all.
///
/// A new one is empty and not ready: changes, list() and snapshots work, questions throw Unavailable until set_ready().
class MemoryGraph final : public Graph {
public:
    /// `pool` outlives it, and has two threads or more: a snapshot keeps one for a while. Whom a viewer reaches in two
    /// steps is kept for the degrees of others, at most `max_near_bytes` in all: until the graph changes, and `may_lag`
    /// longer.
    explicit MemoryGraph(Pool& pool, std::chrono::milliseconds may_lag = {}, std::size_t max_near_bytes = 32 << 20)
        : pool_(pool),
          may_lag_(may_lag),
          nears_(max_near_bytes, [](const CachedNear& kept) { return sizeof kept + kept.near.weight(); }) {}

    /// What it holds is the whole graph from now on: questions are answered.
    void set_ready() { is_ready_ = true; }

    /// Writes all there is to `path`, in place of what is there; readers and writers go on. The file is whole on the
    /// disk afterwards, else as it was before (or new, when only its name could not be made safe). Blocks for as long
    /// as the disk takes: call it on a pool. Throws Unavailable when the file system refuses.
    void save(const std::filesystem::path& path);
    /// Takes what save() wrote in place of all there is. Blocks.
    /// Throws Corrupt when the file is damaged, cut off, of another version or something else, Unavailable when it
    /// cannot be read; then nothing has changed.
    void load(const std::filesystem::path& path);

    Task<void> put_members(std::vector<GraphMember> members) override;
    Task<void> remove_members(std::vector<UserId> members) override;
    Task<void> set_edges(std::vector<GraphEdge> edges) override;
    Task<std::vector<GraphEntry>> list(UserId after, std::size_t limit) override;
    Task<std::vector<std::optional<int>>> degrees(Viewer viewer, std::vector<UserId> members) override;
    CachedDegree cached_degree(UserId viewer, UserId member) override;
    Task<std::vector<Suggestion>> suggest(Viewer viewer, Ids excluded, std::size_t limit) override;
    Task<std::vector<Path>> paths(Viewer viewer, UserId target, std::size_t limit, int max_hops) override;
    Task<NetworkSize> network_size(Viewer viewer) override;

private:
    class Watch;
    struct CachedNear {
        CachedNear(Near made, std::uint64_t at, std::chrono::steady_clock::time_point when)
            : near(std::move(made)), changes(at), made_at(when) {}
        Near near;
        std::uint64_t changes;
        std::chrono::steady_clock::time_point made_at;
    };
    void require_ready() const;
    /// Under a lock of mutex_.
    bool is_old(const CachedNear& near) const;
    /// Under a lock of mutex_.
    std::shared_ptr<const CachedNear> make_near(UserId viewer);
    template <class Cost, class Work>
    Task<std::invoke_result_t<Work>> ask(Cost cost, Work work);
    template <class Work>
    Task<void> change(Work work);

    Pool& pool_;
    std::atomic<bool> is_ready_{false};
    std::mutex saving_;
    WriterFirstMutex mutex_;  // of graph_ and changes_
    CompactGraph graph_;
    std::uint64_t changes_ = 0;
    const std::chrono::milliseconds may_lag_;
    cache::Local<UserId, CachedNear> nears_;
};

}  // namespace guildhall::connection
