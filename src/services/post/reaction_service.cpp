#include "services/post/reaction_service.hpp"

#include <algorithm>
#include <unordered_map>

#include "platform/cache/transact.hpp"
#include "platform/http/paging.hpp"
#include "services/post/cache_kinds.hpp"
#include "services/post/public/events.hpp"

namespace guildhall::post {
namespace {

constexpr std::string_view kUserReactionsCursor = "user.reactions";

// A list of one kind is another list than that of all.
std::string cursor_kind(std::optional<ReactionKind> kind) {
    return "post.reactions." + std::string(kind ? json::name_of(*kind) : "all");
}

std::size_t index_of(ReactionKind kind) { return static_cast<std::size_t>(kind); }

}  // namespace

Task<Result<void>> ReactionService::set(http::Caller caller, PostId id, SetReaction body) {
    const Viewer viewer = co_await reader_.viewer(caller.id);
    const Result<PostRecordPointer> record = co_await reader_.find_record(viewer, id);
    if (!record) co_return record.error();
    const StoredReaction reaction{id, caller.id, ids_.next_value(), body.kind};

    auto upsert = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const ReactionChange change = co_await reactions_.upsert(tx, reaction);
        if (change.previous == body.kind) co_return Result<void>{};
        CountStore::KindDeltas deltas{};
        if (change.previous) --deltas[index_of(*change.previous)];
        ++deltas[index_of(body.kind)];
        const std::optional<UserId> author = co_await counts_.add(tx, id, deltas, 0);
        if (!author) co_return deleted_post();
        const PostReacted event{id, *author, caller.id, body.kind, change.previous.has_value()};
        co_await outbox_.append(tx, event, caller.request->traceparent);
        co_return Result<void>{};
    };
    cache::Changes changes{{kRecordKind, {id.value}}, {kReactionsKind, {caller.id.value}}};
    co_return co_await cache::transact<void>(reactions_.database(), coherence_, changes, upsert);
}

Task<Result<void>> ReactionService::remove(http::Caller caller, PostId id) {
    // One's own reaction can be taken back also from a post that one may not see any more.
    bool had_reacted = false;
    auto erase = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const std::optional<ReactionKind> kind = co_await reactions_.remove(tx, id, caller.id);
        had_reacted = kind.has_value();
        if (!kind) co_return Result<void>{};
        CountStore::KindDeltas deltas{};
        --deltas[index_of(*kind)];
        const std::optional<UserId> author = co_await counts_.add(tx, id, deltas, 0);
        if (!author) co_return deleted_post();
        const ReactionRemoved event{id, *author, caller.id};
        co_await outbox_.append(tx, event, caller.request->traceparent);
        co_return Result<void>{};
    };
    cache::Changes changes{{kRecordKind, {id.value}}, {kReactionsKind, {caller.id.value}}};
    Result<void> erased = co_await cache::transact<void>(reactions_.database(), coherence_, changes, erase);
    if (!erased || had_reacted) co_return erased;
    const Viewer viewer = co_await reader_.viewer(caller.id);
    const Result<PostRecordPointer> record = co_await reader_.find_record(viewer, id);
    if (!record) co_return record.error();
    co_return erased;
}

Task<Result<Page<Reaction>>> ReactionService::list(http::Visitor visitor, PostId id, ReactionsQuery query) {
    const Result<http::PageRequest> request = http::PageRequest::of(query, cursor_kind(query.kind));
    if (!request) co_return request.error();
    const Viewer viewer = co_await reader_.viewer(visitor.id);
    const Result<PostRecordPointer> record = co_await reader_.find_record(viewer, id);
    if (!record) co_return record.error();

    auto fetch = [&](std::int64_t below, std::size_t count) { return reactions_.list(id, query.kind, below, count); };
    auto show = [&](std::vector<StoredReaction> rows) -> Task<std::vector<http::Shown<Reaction>>> {
        std::erase_if(rows, [&](const StoredReaction& row) { return viewer.is_hidden(row.user_id); });
        std::vector<UserId> users;
        users.reserve(rows.size());
        for (const StoredReaction& row : rows) users.push_back(row.user_id);
        const std::vector<user::CardPointer> cards = co_await directory_.cards(users);
        const connection::DegreeList degrees = co_await reader_.degrees(viewer, std::move(users));
        std::vector<http::Shown<Reaction>> shown;
        shown.reserve(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i)
            if (cards[i]) shown.push_back({rows[i].id, {*cards[i], rows[i].kind, time_of_id(rows[i].id), degrees[i]}});
        co_return shown;
    };
    const auto key_of = [](const StoredReaction& row) { return row.id; };
    co_return co_await http::fill_page<Reaction>(*request, fetch, key_of, show);
}

Task<Result<Page<ReactionActivity>>> ReactionService::list_by_user(http::Caller caller, UserId user,
                                                                   json::PageQuery query) {
    const Result<http::PageRequest> request = http::PageRequest::of(query, kUserReactionsCursor);
    if (!request) co_return request.error();
    const Viewer viewer = co_await reader_.viewer(caller.id);
    const bool exists = co_await reader_.is_member(viewer, user);
    if (!exists) co_return user::no_such_member();

    auto fetch = [&](std::int64_t below, std::size_t count) { return reactions_.list_by_user(user, below, count); };
    auto show = [&](std::vector<StoredReaction> rows) -> Task<std::vector<http::Shown<ReactionActivity>>> {
        std::vector<ListedPost> posts;
        posts.reserve(rows.size());
        for (const StoredReaction& row : rows) posts.push_back({{row.post_id, {}}, nullptr});
        std::vector<PostView> views = co_await reader_.list_visible(viewer, std::move(posts));
        std::vector<http::Shown<ReactionActivity>> shown;
        shown.reserve(views.size());
        auto view = views.begin();  // both are in the order of the rows
        for (const StoredReaction& row : rows) {
            if (view == views.end()) break;
            if (view->record->key.id != row.post_id) continue;
            shown.push_back({row.id, {std::move(*view), row.kind, time_of_id(row.id)}});
            ++view;
        }
        co_return shown;
    };
    const auto key_of = [](const StoredReaction& row) { return row.id; };
    co_return co_await http::fill_page<ReactionActivity>(*request, fetch, key_of, show);
}

}  // namespace guildhall::post
