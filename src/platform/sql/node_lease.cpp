#include "platform/sql/node_lease.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "platform/base/text.hpp"

namespace guildhall::sql {

const char* const kNodeLeaseSchema = R"(
CREATE TABLE node_leases(
    node bigint PRIMARY KEY,
    owner text NOT NULL,          -- empty: given back
    expires_at bigint NOT NULL
);
)";

namespace {

constexpr std::int64_t kNodes = 1024;

constexpr Statement kList{"node_lease.list", "SELECT node, owner, expires_at FROM node_leases ORDER BY node"};
constexpr Statement kTake{"node_lease.take",
                          "INSERT INTO node_leases(node, owner, expires_at) VALUES($1, $2, $3) "
                          "ON CONFLICT (node) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at "
                          "WHERE node_leases.owner = '' OR node_leases.expires_at <= $4 RETURNING node"};
constexpr Statement kRenew{"node_lease.renew",
                           "UPDATE node_leases SET expires_at = $3 WHERE node = $1 AND owner = $2 RETURNING node"};
constexpr Statement kRelease{"node_lease.release", "UPDATE node_leases SET owner = '' WHERE node = $1 AND owner = $2"};

/// The free numbers: those never used, then those that have been free for the longest time. So a restarted process gets
/// another number, and cannot make the same ids again if its clock was set back.
Task<std::vector<std::int64_t>> list_free(Database& database, Time now) {
    auto rows = co_await database.read(kList, {});
    std::vector<bool> used(kNodes, false);
    std::vector<std::pair<std::int64_t, std::int64_t>> ended;
    for (auto row : rows) {
        const auto node = row.number(0);
        if (node < 0 || node >= kNodes) throw Corrupt("a node number out of its range is leased");
        used[static_cast<std::size_t>(node)] = true;
        if (row.text(1).empty() || row.time(2) <= now) ended.emplace_back(row.number(2), node);
    }
    std::vector<std::int64_t> free;
    for (std::int64_t node = 0; node < kNodes; ++node) {
        if (!used[static_cast<std::size_t>(node)]) free.push_back(node);
    }
    std::ranges::sort(ended);
    for (const auto& [expired_at, node] : ended) free.push_back(node);
    co_return free;
}

}  // namespace

Task<NodeLease> NodeLease::take(Database& database, const Clock& clock, std::string owner) {
    owner += '/' + hex(random_bytes(8));  // two processes may have the same name
    const auto free = co_await list_free(database, clock.now());
    for (const auto node : free) {
        const auto now = clock.now();
        const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
            auto rows = co_await tx.query(kTake, params(node, owner, now + kLeaseTime, now));
            co_return !rows.empty();
        };
        const auto taken = co_await database.transact<bool>(body);
        if (taken && *taken) co_return NodeLease(static_cast<std::uint16_t>(node), std::move(owner), now + kLeaseTime);
    }
    throw Unavailable("all node numbers are taken");
}

Task<bool> NodeLease::renew(Database& database, const Clock& clock) {
    const auto expires_at = clock.now() + kLeaseTime;
    const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
        auto rows = co_await tx.query(kRenew, params(std::int64_t{node_}, owner_, expires_at));
        co_return !rows.empty();
    };
    const auto renewed = co_await database.transact<bool>(body);
    if (!renewed || !*renewed) co_return false;
    until_ = expires_at;
    co_return true;
}

Task<void> NodeLease::release(Database& database) {
    const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
        co_await tx.execute(kRelease, params(std::int64_t{node_}, owner_));
        co_return true;
    };
    const auto released = co_await database.transact<bool>(body);
    if (!released) throw Unavailable("the node lease could not be given back");
}

}  // namespace guildhall::sql
