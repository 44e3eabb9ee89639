#include "services/connection/graph/memory_graph.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "services/connection/graph/graph_questions.hpp"
#include "services/connection/graph/graph_snapshot.hpp"

namespace guildhall::connection {
namespace {

/// What a question may cost, in visits, to be answered on an io thread: at most 100 µs, when every visit misses the
/// caches.
constexpr std::size_t kInlineVisits = 20'000;
/// For viewers who reach more in two steps nothing is kept: looking from the other side is quicker then.
constexpr std::size_t kMostNearVisits = 500'000;
/// So few members are written while nobody else may read.
constexpr std::size_t kFewMembers = 256;
/// After so many rounds a snapshot no longer waits for the changes to become few.
constexpr int kMostLoadRounds = 16;

}  // namespace

WriterFirstMutex::WriterFirstMutex() {
    pthread_rwlockattr_t attributes;
    ::pthread_rwlockattr_init(&attributes);
    ::pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    ::pthread_rwlock_init(&lock_, &attributes);
    ::pthread_rwlockattr_destroy(&attributes);
}

template <class Cost, class Work>
Task<std::invoke_result_t<Work>> MemoryGraph::ask(Cost cost, Work work) {
    if (std::shared_lock lock(mutex_, std::try_to_lock); lock.owns_lock()) {
        if (cost() <= kInlineVisits) co_return work();
    }
    auto locked = [this, &work] {
        const std::shared_lock lock(mutex_);
        return work();
    };
    co_return co_await run_on(pool_, std::move(locked));
}

template <class Work>
Task<void> MemoryGraph::change(Work work) {
    auto locked = [this, &work] {
        const std::unique_lock lock(mutex_);
        work();
        ++changes_;
    };
    co_await run_on(pool_, std::move(locked));
}

/// Keeps in mind which members change, from its making to take_last() or its end.
class MemoryGraph::Watch {
public:
    explicit Watch(MemoryGraph& owner) : owner_(owner) {
        const std::unique_lock lock(owner_.mutex_);
        owner_.graph_.watch_changes();
    }
    ~Watch() {
        if (is_over_) return;
        const std::unique_lock lock(owner_.mutex_);
        owner_.graph_.take_changed(true);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    /// Under the lock of a writer.
    std::vector<MemberIndex> take(bool is_last) {
        is_over_ = is_last;
        return owner_.graph_.take_changed(is_last);
    }

private:
    MemoryGraph& owner_;
    bool is_over_ = false;
};

void MemoryGraph::save(const std::filesystem::path& path) {
    const std::lock_guard one_at_a_time(saving_);
    SnapshotWriter writer(path);
    Watch watch(*this);
    // Block by block, each under a lock of its own. Members that change meanwhile are written again, the last few of
    // them under the exclusive lock.
    for (std::size_t at = 0, end = 1; at < end; writer.write_block()) {
        const std::shared_lock lock(mutex_);
        end = graph_.capacity();
        while (at < end && !writer.is_block_full()) writer.add(graph_, static_cast<MemberIndex>(at++));
    }
    for (int round = 0;; ++round) {
        std::vector<MemberIndex> again;
        {
            const std::unique_lock lock(mutex_);
            const bool is_last = graph_.count_changed() <= kFewMembers || round == kMostLoadRounds;
            again = watch.take(is_last);
            if (is_last) {
                for (const MemberIndex member : again) writer.add(graph_, member);
                writer.add_end(graph_);
                break;
            }
        }
        for (std::size_t i = 0; i < again.size(); writer.write_block()) {
            const std::shared_lock lock(mutex_);
            while (i < again.size() && !writer.is_block_full()) writer.add(graph_, again[i++]);
        }
    }
    writer.finish();
}

void MemoryGraph::load(const std::filesystem::path& path) {
    const std::lock_guard one_at_a_time(saving_);
    CompactGraph graph = read_snapshot(path);
    const std::unique_lock lock(mutex_);
    std::swap(graph_, graph);
    ++changes_;
}

Task<void> MemoryGraph::put_members(std::vector<GraphMember> members) {
    assert(members.size() <= kMostChanges);
    auto work = [&] { graph_.put_members(members); };
    co_await change(work);
}

Task<void> MemoryGraph::remove_members(std::vector<UserId> members) {
    assert(members.size() <= kMostChanges);
    auto work = [&] {
        graph_.remove_members(members);
        nears_.clear();  // a newcomer may get the number of one who has gone
    };
    co_await change(work);
}

Task<void> MemoryGraph::set_edges(std::vector<GraphEdge> edges) {
    assert(edges.size() <= kMostChanges);
    auto work = [&] { graph_.set_edges(edges); };
    co_await change(work);
}

Task<std::vector<GraphEntry>> MemoryGraph::list(UserId after, std::size_t limit) {
    auto cost = [&] { return limit * (graph_.directions() / std::max<std::size_t>(graph_.count(), 1) + 1); };
    auto work = [&] { return graph_.list(after, limit); };
    co_return co_await ask(cost, work);
}

std::shared_ptr<const MemoryGraph::CachedNear> MemoryGraph::make_near(UserId viewer) {
    const auto ticket = nears_.ticket(viewer);
    auto made = std::make_shared<const CachedNear>(Near(graph_, viewer), changes_, std::chrono::steady_clock::now());
    nears_.put(viewer, made, ticket);
    return made;
}

Task<std::vector<std::optional<int>>> MemoryGraph::degrees(Viewer viewer, std::vector<UserId> members) {
    assert(members.size() <= kMostDegrees);
    require_ready();
    bool is_near_worth_it = false;
    if (viewer.hidden.empty()) {
        if (const std::shared_lock lock(mutex_, std::try_to_lock); lock.owns_lock()) {
            auto near = nears_.find(viewer.id);
            if (!near || is_old(*near)) {
                const std::size_t reach = reach_of(graph_, viewer.id, kMostNearVisits + 1);
                near = reach <= kInlineVisits ? make_near(viewer.id) : nullptr;
                is_near_worth_it = reach <= kMostNearVisits;
            }
            if (near && near->near.cost_of_degrees(graph_, members) <= kInlineVisits)
                co_return near->near.degrees(graph_, members);
        }
    }
    if (is_near_worth_it) {
        auto work = [&] {
            const std::shared_lock lock(mutex_);
            return make_near(viewer.id)->near.degrees(graph_, members);
        };
        co_return co_await run_on(pool_, std::move(work));
    }
    auto cost = [&] { return cost_of_degrees(graph_, viewer, members, kInlineVisits + 1); };
    auto work = [&] { return degrees_in(graph_, viewer, members); };
    co_return co_await ask(cost, work);
}

bool MemoryGraph::is_old(const CachedNear& near) const {
    return near.changes != changes_ && near.made_at + may_lag_ <= std::chrono::steady_clock::now();
}

CachedDegree MemoryGraph::cached_degree(UserId viewer, UserId member) {
    if (!is_ready_) return {};
    const std::shared_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return {};
    const auto near = nears_.find(viewer);
    if (!near || is_old(*near) || Near::cost_of_degrees(graph_, {&member, 1}) > kInlineVisits) return {};
    return near->near.degree(graph_, member);
}

Task<std::vector<Suggestion>> MemoryGraph::suggest(Viewer viewer, Ids excluded, std::size_t limit) {
    require_ready();
    auto cost = [&] { return cost_of_suggest(graph_, viewer, excluded, limit, kInlineVisits + 1); };
    auto work = [&] { return suggest_in(graph_, viewer, excluded, limit); };
    co_return co_await ask(cost, work);
}

Task<std::vector<Path>> MemoryGraph::paths(Viewer viewer, UserId target, std::size_t limit, int max_hops) {
    require_ready();
    auto cost = [&] {
        constexpr std::size_t kEnough = kInlineVisits + 1;
        return viewer.hidden.size() + reach_of(graph_, viewer.id, kEnough) + reach_of(graph_, target, kEnough);
    };
    auto work = [&] { return paths_in(graph_, viewer, target, limit, max_hops); };
    co_return co_await ask(cost, work);
}

Task<NetworkSize> MemoryGraph::network_size(Viewer viewer) {
    require_ready();
    auto cost = [&] {
        const std::size_t reach = reach_of(graph_, viewer.id, kInlineVisits + 1);
        return viewer.hidden.size() + reach * (graph_.directions() / std::max<std::size_t>(graph_.count(), 1) + 1);
    };
    auto work = [&] { return network_size_in(graph_, viewer); };
    co_return co_await ask(cost, work);
}

void MemoryGraph::require_ready() const {
    if (!is_ready_) throw Unavailable("the graph is not loaded yet");
}

}  // namespace guildhall::connection
