#include "services/connection/graph/graph_keeper.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

#include "platform/async/task_group.hpp"
#include "platform/cache/transact.hpp"
#include "platform/json/read.hpp"
#include "platform/json/write.hpp"
#include "services/connection/public/cache_kinds.hpp"
#include "services/connection/sort_name.hpp"

namespace guildhall::connection {
namespace {

constexpr GraphPage::Bounds kPage{200, 20'000};
constexpr GraphPage::Bounds kUnbounded{std::numeric_limits<std::size_t>::max(),
                                       std::numeric_limits<std::size_t>::max()};
constexpr std::size_t kProfilesAtOnce = 500;
constexpr std::chrono::seconds kCheckLease{30};
constexpr std::chrono::milliseconds kLookEvery{200};
constexpr UserId kLast{std::numeric_limits<std::int64_t>::max()};

/// Fewer than an answer of the graph can hold, and enough that a page is seldom asked for twice.
constexpr std::size_t kEntriesInAnswer = 100;

// A difference counts that is seen at every look: by then the event of a change has come.
constexpr int kLooks = 3;
constexpr std::chrono::milliseconds kBetweenLooks{300};
/// With that many pages that differ for good, the graph is known to be wrong; there is no waiting at the others.
constexpr int kPagesLookedAtAgain = 20;

GraphMember member_of(const Member& member) {
    return {member.id, member.place, member.industry, member.hides_connections, member.is_suggestable};
}

void count(const GraphDifference& difference, GraphReport& report) {
    report.stale_members += static_cast<std::int64_t>(difference.members.size());
    report.extra_members += static_cast<std::int64_t>(difference.extra_members.size());
    report.missing_connections += static_cast<std::int64_t>(difference.missing.size());
    report.extra_connections += static_cast<std::int64_t>(difference.extra.size());
}

void count(const std::vector<GraphEntry>& truth, GraphReport& report) {
    report.members += static_cast<std::int64_t>(truth.size());
    for (const GraphEntry& entry : truth)
        report.connections += entry.peers.end() - std::ranges::upper_bound(entry.peers, entry.member.id);
}

/// The graph's members behind `after` up to `upto`, or the first of them. `expected`: as many, of about a page's
/// connections, may be there.
Task<GraphPage> list_some(Graph& graph, UserId after, UserId upto, std::size_t expected, GraphPage::Bounds most) {
    GraphPage page{{}, upto};
    std::size_t connections = 0;
    std::size_t limit = std::clamp<std::size_t>(expected + 1, 1, kEntriesInAnswer);
    for (;;) {
        std::vector<GraphEntry> some = co_await graph.list(after, limit);
        const bool is_end = some.size() < limit || some.back().member.id > upto;
        if (!some.empty()) after = some.back().member.id;
        for (GraphEntry& entry : some) {
            if (entry.member.id > upto) break;
            connections += entry.peers.size();
            page.entries.push_back(std::move(entry));
        }
        if (is_end) co_return page;
        if (page.entries.size() >= most.members || connections >= most.connections) {
            page.upto = after;
            co_return page;
        }
        const std::size_t of_each = connections / page.entries.size() + 1;
        limit = std::clamp<std::size_t>(kPage.connections / of_each, 1, kEntriesInAnswer);
    }
}

template <class T, class Send>
Task<void> in_batches(std::vector<T> all, Send send) {
    for (std::size_t start = 0; start < all.size(); start += Graph::kMostChanges) {
        const auto end = std::min(start + Graph::kMostChanges, all.size());
        std::vector<T> batch(all.begin() + static_cast<std::ptrdiff_t>(start),
                             all.begin() + static_cast<std::ptrdiff_t>(end));
        co_await send(std::move(batch));
    }
}

UserId last_id(const std::vector<GraphEntry>& entries) { return entries.empty() ? UserId{} : entries.back().member.id; }

}  // namespace

Task<void> GraphKeeper::refresh(std::vector<PairKey> keys) {
    std::ranges::sort(keys);
    const auto doubles = std::ranges::unique(keys);
    keys.erase(doubles.begin(), doubles.end());
    std::vector<PairKey> connected = co_await parts_.connections.list_connected(keys);
    const auto set = [&](std::vector<GraphEdge> batch) { return parts_.graph.set_edges(std::move(batch)); };
    for (;;) {
        std::vector<GraphEdge> edges;
        edges.reserve(keys.size());
        for (const PairKey& key : keys)
            edges.push_back({key.low, key.high, std::ranges::binary_search(connected, key)});
        co_await in_batches(std::move(edges), set);
        std::vector<PairKey> now = co_await parts_.connections.list_connected(keys);
        if (now == connected) co_return;
        connected = std::move(now);
    }
}

Task<void> GraphKeeper::refresh(UserId member) {
    std::optional<GraphMember> known;
    for (;;) {
        const auto members = co_await parts_.members.list_members({member});
        if (members.empty()) co_return;
        GraphMember now = member_of(members.front());
        if (now == known) co_return;
        known = std::move(now);
        co_await parts_.graph.put_members({*known});
    }
}

Task<void> GraphKeeper::begin() {
    if (is_made_) co_return;
    const GraphCheckState state = co_await parts_.checks.find_state();
    if (state.done_at > Time{}) {
        is_made_ = true;
        co_return;
    }
    const GraphPage first = co_await parts_.checks.list_truth({}, kLast, {1, 1});
    is_made_ = first.entries.empty();
}

Task<void> GraphKeeper::maintain() {
    if (parts_.own && !is_compared_) {
        const GraphReport report = co_await compare(Repairs::usual);
        if (is_stopping_) co_return;
        is_compared_ = true;
        parts_.own->set_ready();
        spdlog::info("the social graph holds {} members and {} connections", report.members, report.connections);
    }
    const Time now = parts_.clock.now();
    const std::int64_t taker = parts_.ids.next_value();
    const auto asked = co_await parts_.checks.take(now, now + kCheckLease, taker);
    if (!asked) co_return co_await begin();  // another process may have made it meanwhile
    taker_ = taker;
    renewed_at_ = now;
    GraphReport report;
    std::exception_ptr failure;
    try {
        report = co_await compare(asked->repairs ? Repairs::profiles_too : Repairs::none);
    } catch (...) {
        failure = std::current_exception();
    }
    taker_ = 0;
    if (failure || is_stopping_) {
        co_await parts_.checks.release(taker);
    } else if (co_await parts_.checks.finish(taker, asked->asked_at, json::to_json(report))) {
        is_made_ = true;
    } else {
        spdlog::warn("another process compares the social graph once more: this one was too slow");
    }
    if (failure) std::rethrow_exception(failure);
}

Task<GraphReport> GraphKeeper::compare(bool repairs) {
    return compare(repairs ? Repairs::profiles_too : Repairs::none);
}

Task<GraphReport> GraphKeeper::compare(Repairs repairs) {
    GraphReport report;
    report.repaired = repairs != Repairs::none;
    pages_looked_at_again_ = 0;
    for (UserId after; after < kLast && !is_stopping_;) after = co_await compare_page(after, repairs, report);
    co_return report;
}

/// Gives where the page ended. It holds what is bounded in the tables and in the graph; its range stays the same
/// however often it is read.
Task<UserId> GraphKeeper::compare_page(UserId after, Repairs repairs, GraphReport& report) {
    co_await renew_lease();
    GraphPage page = co_await parts_.checks.list_truth(after, kLast, kPage);
    std::vector<GraphEntry>& truth = page.entries;
    GraphPage seen = co_await list_some(parts_.graph, after, page.upto, truth.size(),
                                        {2 * std::max(truth.size(), kPage.members), kPage.connections});
    std::erase_if(truth, [&](const GraphEntry& entry) { return entry.member.id > seen.upto; });
    // Members after the last one have events of their own, all of them later.
    const UserId upto = seen.upto < kLast ? seen.upto : std::max({after, last_id(truth), last_id(seen.entries)});
    const Range range{after, upto};
    if (co_await repair_tables(range, truth, repairs, report)) {
        seen.entries = co_await list_graph(range);
        truth = co_await list_truth(range);
    }
    count(truth, report);
    GraphDifference difference = difference_of(truth, seen.entries, ComparedPeers::above);
    if (repairs == Repairs::none) {
        co_await look_again(range, difference);
        count(difference, report);
        co_return seen.upto;
    }
    if (difference.removes_any()) {
        // What was read from the tables is older than the graph: members added since would be removed.
        truth = co_await list_truth(range);
        difference = difference_of(truth, seen.entries, ComparedPeers::above);
    }
    count(difference, report);
    co_await repair(range, std::move(truth), std::move(difference));
    co_return seen.upto;
}

/// Takes out of `difference` what is not there at every look.
Task<void> GraphKeeper::look_again(Range range, GraphDifference& difference) {
    if (pages_looked_at_again_ >= kPagesLookedAtAgain) co_return;
    for (int look = 1; look < kLooks && difference.has_faults() && !is_stopping_; ++look) {
        co_await sleep_for(kBetweenLooks);
        const std::vector<GraphEntry> graph = co_await list_graph(range);
        const std::vector<GraphEntry> truth = co_await list_truth(range);
        difference = common_faults(difference, difference_of(truth, graph, ComparedPeers::above));
        co_await renew_lease();
    }
    if (difference.has_faults()) ++pages_looked_at_again_;
}

/// What is read of the tables may be old when it is written: reads them again afterwards, until nothing has changed
/// meanwhile. What changes later has an event that comes later. An old connection may have been written at either
/// side's page, so both sides are looked at from then on.
Task<void> GraphKeeper::repair(Range range, std::vector<GraphEntry> truth, GraphDifference difference) {
    while (!difference.is_empty() && !is_stopping_) {
        co_await apply(std::move(difference));
        std::vector<GraphEntry> now = co_await list_truth(range);
        if (now == truth) co_return;
        truth = std::move(now);
        difference = difference_of(truth, co_await list_graph(range), ComparedPeers::all);
    }
}

Task<void> GraphKeeper::apply(GraphDifference difference) {
    const auto put = [this](std::vector<GraphMember> batch) -> Task<void> {
        co_await parts_.graph.put_members(std::move(batch));
        co_await renew_lease();
    };
    const auto remove = [this](std::vector<UserId> batch) -> Task<void> {
        co_await parts_.graph.remove_members(std::move(batch));
        co_await renew_lease();
    };
    const auto set = [this](std::vector<GraphEdge> batch) -> Task<void> {
        co_await parts_.graph.set_edges(std::move(batch));
        co_await renew_lease();
    };
    co_await in_batches(std::move(difference.members), put);
    co_await in_batches(std::move(difference.plain_members), put);
    co_await in_batches(std::move(difference.extra_members), remove);
    co_await in_batches(std::move(difference.extra_plain_members), remove);
    co_await in_batches(std::move(difference.extra), set);
    co_await in_batches(std::move(difference.missing), set);
    co_await in_batches(std::move(difference.below), set);
}

Task<std::vector<GraphEntry>> GraphKeeper::list_truth(Range range) {
    std::vector<GraphEntry> all;
    for (UserId after = range.after; after < range.upto;) {
        GraphPage page = co_await parts_.checks.list_truth(after, range.upto, kPage);
        std::ranges::move(page.entries, std::back_inserter(all));
        after = page.upto;
    }
    co_return all;
}

Task<std::vector<GraphEntry>> GraphKeeper::list_graph(Range range) {
    GraphPage page = co_await list_some(parts_.graph, range.after, range.upto, kPage.members, kUnbounded);
    co_return std::move(page.entries);
}

/// True when what was read of the range may have changed.
Task<bool> GraphKeeper::repair_tables(Range range, const std::vector<GraphEntry>& truth, Repairs repairs,
                                      GraphReport& report) {
    const auto sides = co_await parts_.checks.list_one_sided(truth);
    report.one_sided_connections += static_cast<std::int64_t>(sides.size());
    if (repairs == Repairs::none) co_return false;
    for (const auto& side : sides) {
        co_await repair_side(side);
        co_await renew_lease();
    }
    if (repairs != Repairs::profiles_too) co_return !sides.empty();
    for (std::size_t start = 0; start < truth.size(); start += kProfilesAtOnce) {
        std::vector<UserId> users;
        for (std::size_t i = start; i < std::min(start + kProfilesAtOnce, truth.size()); ++i)
            users.push_back(truth[i].member.id);
        co_await parts_.profiles.refresh(std::move(users));
        co_await renew_lease();
    }
    co_return true;
}

/// The pair says what holds. Nobody has connected or parted now, so there is no event. The graph is updated at once,
/// because the page of the other member may be finished.
Task<void> GraphKeeper::repair_side(GraphCheckStore::OneSided side) {
    const auto cards = co_await parts_.directory.cards({side.user_id});
    const std::string name = cards[0] ? sort_name(cards[0]->name) : std::string();
    const PairKey key = PairKey::of(side.user_id, side.peer_id);
    cache::Changes changes{{kListKind, {key.low.value, key.high.value}}};
    auto repair = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const auto pair = co_await parts_.connections.lock_pair(tx, key);
        if (pair && pair->state == PairState::connected) {
            co_await parts_.checks.insert_side(tx, side.peer_id, side.user_id, side.connected_at, name);
        } else {
            co_await parts_.checks.remove_side(tx, side.user_id, side.peer_id);
        }
        co_return Result<void>{};
    };
    auto repaired = co_await cache::transact<void>(parts_.connections.database(), parts_.coherence, changes, repair);
    if (!repaired) throw Corrupt("connection: the repair of a connection was refused");
    co_await refresh({key});
}

/// Keeps the lease. Throws Unavailable when another process has taken it since.
Task<void> GraphKeeper::renew_lease() {
    const Time now = parts_.clock.now();
    if (taker_ == 0 || now < renewed_at_ + kCheckLease / 3) co_return;
    renewed_at_ = now;
    if (!co_await parts_.checks.renew(taker_, now + kCheckLease))
        throw Unavailable("another process compares the social graph by now");
}

Task<GraphReport> ask_for_comparison(GraphCheckStore& checks, const Clock& clock, bool repairs,
                                     ComparisonPatience patience) {
    const Time begun_at = clock.now();
    const Time asked_at = co_await checks.ask(begun_at, repairs);
    bool is_taken = false;
    while (clock.now() < begun_at + (is_taken ? patience.until_done : patience.until_begun)) {
        const GraphCheckState state = co_await checks.find_state();
        if (state.done_at >= asked_at) co_return json::read_trusted<GraphReport>(state.report);
        is_taken = is_taken || state.taken_until > clock.now();
        co_await sleep_for(kLookEvery);
    }
    if (!is_taken)
        throw Unavailable(
            "no process of the connection service serves this database; the next one will compare the graph");
    throw Unavailable("the graph is still being compared; ask again later");
}

}  // namespace guildhall::connection
