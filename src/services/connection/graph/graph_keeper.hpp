#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

#include "platform/base/clock.hpp"
#include "platform/base/id.hpp"
#include "platform/cache/coherence.hpp"
#include "services/connection/connection_store.hpp"
#include "services/connection/graph/graph.hpp"
#include "services/connection/graph/graph_check_store.hpp"
#include "services/connection/graph/graph_difference.hpp"
#include "services/connection/graph/memory_graph.hpp"
#include "services/connection/member_service.hpp"
#include "services/connection/member_store.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::connection {

/// What a comparison of the graph with the tables found: members and connections of the tables; members who lack in the
/// graph or are other there, who are too many; connections that lack, that are too many; connections of which the
/// tables had one side only.
struct GraphReport {
    std::int64_t members = 0;
    std::int64_t connections = 0;
    std::int64_t stale_members = 0;
    std::int64_t extra_members = 0;
    std::int64_t missing_connections = 0;
    std::int64_t extra_connections = 0;
    std::int64_t one_sided_connections = 0;
    bool repaired = false;

    bool is_clean() const {
        return stale_members + extra_members + missing_connections + extra_connections + one_sided_connections == 0;
    }
};
BOOST_DESCRIBE_STRUCT(GraphReport, (),
                      (members, connections, stale_members, extra_members, missing_connections, extra_connections,
                       one_sided_connections, repaired))

/// Keeps the graph like the tables: by events, one change at a time, and by comparing all of it, which also makes it in
/// the first place. Thread-safe.
class GraphKeeper {
public:
    /// What it works with; all of it lives longer.
    struct Parts {
        Graph& graph;
        /// The same, when it is this process's own: it begins empty or with a snapshot, and is compared at the start.
        /// Else null.
        MemoryGraph* own;
        ConnectionStore& connections;
        MemberStore& members;
        GraphCheckStore& checks;
        MemberService& profiles;
        user::Directory& directory;
        cache::Coherence& coherence;
        IdGenerator& ids;
        const Clock& clock;
    };
    explicit GraphKeeper(Parts parts) : parts_(parts), is_made_(parts.own != nullptr) {}

    /// Makes the graph say of these pairs, and of the member, what the tables say now, also while another process does
    /// so for an earlier or later event. May be repeated.
    Task<void> refresh(std::vector<PairKey> keys);
    Task<void> refresh(UserId member);

    /// Before the first question: learns whether a shared graph has been made from the tables. With empty tables there
    /// is nothing to make.
    Task<void> begin();
    /// False as long as a shared graph has not been made: it holds what events have told, and must not be asked. An own
    /// graph refuses by itself.
    bool is_made() const { return is_made_; }

    /// Compares an own graph once after the start, from when on it answers questions; then does the comparison that is
    /// asked for, if any. Call every second, never twice at once.
    Task<void> maintain();
    /// True when an own graph has been compared since the start.
    bool is_compared() const { return is_compared_; }
    /// From now on no comparison is begun, and one that runs ends early.
    void stop() { is_stopping_ = true; }

    /// Compares all of the graph with the tables, page by page, while both go on changing: what changes meanwhile has
    /// its own event. Without `repairs` a difference counts that is still there after 0.6 s. `repairs`: and makes the
    /// graph right, and of the tables one-sided connections and what they know of profiles. Not beside maintain(),
    /// which does the same.
    Task<GraphReport> compare(bool repairs);

private:
    /// What is made right. Not the profiles at the start: a graph of this process must not wait for the user service.
    enum class Repairs : std::uint8_t { none, usual, profiles_too };
    /// Ids: more than `after`, up to `upto`.
    struct Range {
        UserId after;
        UserId upto;
    };

    Task<GraphReport> compare(Repairs repairs);
    Task<UserId> compare_page(UserId after, Repairs repairs, GraphReport& report);
    Task<void> look_again(Range range, GraphDifference& difference);
    Task<void> repair(Range range, std::vector<GraphEntry> truth, GraphDifference difference);
    Task<void> apply(GraphDifference difference);
    Task<std::vector<GraphEntry>> list_truth(Range range);
    Task<std::vector<GraphEntry>> list_graph(Range range);
    Task<bool> repair_tables(Range range, const std::vector<GraphEntry>& truth, Repairs repairs, GraphReport& report);
    Task<void> repair_side(GraphCheckStore::OneSided side);
    Task<void> renew_lease();

    const Parts parts_;
    std::atomic<bool> is_made_;
    std::atomic<bool> is_compared_{false};  // an own graph, since the start
    int pages_looked_at_again_ = 0;
    std::int64_t taker_ = 0;  // while a comparison that was asked for is taken: as whom
    Time renewed_at_{};
    std::atomic<bool> is_stopping_{false};
};

/// How long somebody waits for a comparison: until a process takes it, and until it is done.
struct ComparisonPatience {
    std::chrono::seconds until_begun;
    std::chrono::seconds until_done;
};

/// For the command line, beside the program that serves: asks for a comparison and waits until it is done. Throws
/// Unavailable when that takes longer than `patience`; the question stays asked.
Task<GraphReport> ask_for_comparison(GraphCheckStore& checks, const Clock& clock, bool repairs,
                                     ComparisonPatience patience);

}  // namespace guildhall::connection
