#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include <pthread.h>

#include "platform/async/pool.hpp"
#include "services/connection/compact_graph.hpp"
#include "services/connection/graph.hpp"

namespace guildhall::connection {

/// Many readers or one writer; who waits to write goes before readers that come later, so that reading without a pause cannot keep a change out. For
/// std::unique_lock and std::shared_lock.
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

/// The graph in this process's memory: about 5 bytes for each side of a connection (docs/benchmarks.md), one for all requests. Each thread that asks keeps up to 30
/// bytes a member to write on. Small questions (to 20,000 visits, see graph_questions.hpp, where the bounds of all are told) are answered on the calling thread, which never
/// waits for a lock; all else, and every change, runs on the pool. A question sees each change whole or not at all.
///
/// A new one is empty and not ready: changes, list() and snapshots work, questions throw Unavailable until set_ready().
class MemoryGraph final : public Graph {
public:
    /// `pool` outlives it, and has two threads or more: a snapshot keeps one for a while.
    explicit MemoryGraph(Pool& pool) : pool_(pool) {}

    /// What it holds is the whole graph from now on: questions are answered.
    void set_ready() { is_ready_ = true; }

    /// Writes all there is to `path`, in place of what is there; readers and writers go on. The file is whole on the disk afterwards, else as it was before. `mark`
    /// is kept with it: up to where the caller has brought the changes of the truth, read before the call. Blocks for as long as the disk takes: call it on a pool.
    /// Throws Unavailable when the file system refuses.
    void save(const std::filesystem::path& path, std::int64_t mark);
    /// Takes what save() wrote in place of all there is, and gives its mark. Blocks.
    /// Throws Corrupt when the file is damaged, cut off, of another version or something else, Unavailable when it cannot be read; then nothing has changed.
    std::int64_t load(const std::filesystem::path& path);

    Task<void> put_members(std::vector<GraphMember> members) override;
    Task<void> remove_members(std::vector<UserId> members) override;
    Task<void> set_edges(std::vector<GraphEdge> edges) override;
    Task<std::vector<GraphEntry>> list(UserId after, std::size_t limit) override;
    Task<std::vector<std::optional<int>>> degrees(Viewer viewer, std::vector<UserId> members) override;
    Task<std::vector<Suggestion>> suggest(Viewer viewer, Ids excluded, std::size_t limit) override;
    Task<std::vector<Path>> paths(Viewer viewer, UserId target, std::size_t limit, int max_hops) override;
    Task<NetworkSize> network_size(Viewer viewer) override;

private:
    class Watch;
    void require_ready() const;
    template <class Cost, class Work>
    Task<std::invoke_result_t<Work>> ask(Cost cost, Work work);
    template <class Work>
    Task<void> change(Work work);

    Pool& pool_;
    std::atomic<bool> is_ready_{false};
    std::mutex saving_;
    WriterFirstMutex mutex_;  // of graph_
    CompactGraph graph_;
};

}  // namespace guildhall::connection
