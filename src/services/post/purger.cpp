#include "services/post/purger.hpp"

#include <cassert>
#include <utility>

#include "services/post/cache_kinds.hpp"

namespace guildhall::post {
namespace {

constexpr std::size_t kRowsPerTransaction = 200;
constexpr std::size_t kMaxTransactions = 50;

}  // namespace

Task<void> Purger::run() {
    for (std::size_t i = 0; i < kMaxTransactions; ++i) {
        const auto reacted = co_await purge(kRowsPerTransaction);
        if (!reacted) co_return;
        cache::Change reactions{kReactionsKind, {}};
        for (const UserId user : *reacted) reactions.ids.push_back(user.value);
        co_await coherence_.changed({std::move(reactions)});
    }
}

Task<std::optional<std::vector<UserId>>> Purger::purge(std::size_t limit) {
    const std::optional<PostId> post = co_await posts_.find_purge();
    if (!post) co_return std::nullopt;

    auto remove = [&](sql::Transaction& tx) -> Task<Result<std::vector<UserId>>> {
        // Another process may purge the same post: the rows that it removes would look like the last ones.
        const bool is_locked = co_await posts_.lock_purge(tx, *post);
        if (!is_locked) co_return std::vector<UserId>{};
        std::vector<UserId> reacted = co_await reactions_.purge(tx, *post, limit);
        const std::size_t comments = co_await comments_.purge(tx, *post, limit);
        if (reacted.size() < limit && comments < limit) co_await posts_.remove_purge(tx, *post);
        co_return reacted;
    };
    Result<std::vector<UserId>> reacted = co_await posts_.database().transact<std::vector<UserId>>(remove);
    assert(reacted);
    co_return std::move(*reacted);
}

}  // namespace guildhall::post
