#include "services/post/comment_service.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>

#include "platform/cache/transact.hpp"
#include "platform/http/idempotency.hpp"
#include "services/post/cache_kinds.hpp"
#include "services/post/post_service.hpp"
#include "services/post/public/events.hpp"
#include "services/post/text_entities.hpp"

namespace guildhall::post {
namespace {

constexpr std::string_view kUserCommentsCursor = "user.comments";
constexpr int kOwn = 0;  // the degree of the member who asks

Error no_such_comment() { return {Code::not_found, "there is no such comment"}; }
Error deleted_comment() { return {Code::gone, "the comment has been deleted"}; }
Error no_such_parent() {
    return {Code::unprocessable,
            "the comment that is replied to does not exist",
            "",
            {{"/parent_id", "not_found", "is no comment of this post"}}};
}

// Comments in two orders are two lists.
Result<http::PageRequest> page_request(const CommentsQuery& query, std::string_view list, CommentSort sort) {
    const std::string kind = std::string(list) + "." + std::string(json::name_of(sort));
    return http::PageRequest::of(query, kind, sort == CommentSort::recent ? http::kNewestFirst : 0);
}

// A tombstone is nobody's: it looks the same to all.
bool is_hidden(const Viewer& viewer, const StoredComment& comment) {
    return !comment.is_deleted && viewer.is_hidden(comment.author_id);
}

Comment comment_of(StoredComment stored, const user::CardPointer& author, std::optional<int> degree) {
    Comment comment{};
    comment.id = stored.id;
    comment.post_id = stored.post_id;
    if (stored.parent_id) comment.parent_id = stored.parent_id;
    if (author && !stored.is_deleted) {
        comment.author = *author;
        comment.degree = degree;
    }
    comment.text = std::move(stored.text);
    comment.mentions = std::move(stored.mentions);
    comment.created_at = stored.created_at;
    comment.edited_at = stored.edited_at;
    comment.version = stored.version;
    comment.reply_count = stored.reply_count;
    comment.is_deleted = stored.is_deleted;
    return comment;
}

}  // namespace

Task<Result<StoredComment>> CommentService::find_visible(const Viewer& viewer, CommentId id) {
    const std::optional<PostId> post_id = co_await comments_.find_post(id);
    if (!post_id) co_return no_such_comment();
    const Result<PostRecordPointer> post = co_await reader_.find_record(viewer, *post_id);
    if (!post) co_return post.error().code == Code::gone ? post.error() : no_such_comment();
    std::optional<StoredComment> comment = co_await comments_.find(*post_id, id);
    if (!comment || is_hidden(viewer, *comment)) co_return no_such_comment();
    co_return std::move(*comment);
}

// One's own comment can be taken back, and one below one's own post removed, also when the one does not see the other
// any more.
Task<Result<PostKey>> CommentService::find_removable(UserId caller, CommentId id) {
    const std::optional<PostId> post_id = co_await comments_.find_post(id);
    if (!post_id) co_return no_such_comment();
    const std::optional<StoredComment> comment = co_await comments_.find(*post_id, id);
    const PostRecordPointer post = co_await reader_.find_any(*post_id);
    if (comment && post && !post->is_deleted && !comment->is_deleted &&
        (comment->author_id == caller || post->key.author_id == caller))
        co_return post->key;
    const Viewer viewer = co_await reader_.viewer(caller);
    const Result<StoredComment> found = co_await find_visible(viewer, id);
    if (!found) co_return found.error();
    if (found->is_deleted) co_return deleted_comment();
    co_return Error{Code::forbidden, "only the author of the comment or of the post can delete a comment"};
}

Task<std::vector<http::Shown<Comment>>> CommentService::show(const Viewer& viewer, std::vector<StoredComment> rows,
                                                             CommentId shown_parent) {
    if (viewer.hides_anybody()) co_await leave_out_hidden(viewer, rows, shown_parent);
    std::vector<UserId> authors;
    authors.reserve(rows.size());
    for (const StoredComment& row : rows) authors.push_back(row.author_id);
    const std::vector<user::CardPointer> cards = co_await directory_.cards(authors);
    const connection::DegreeList degrees = co_await reader_.degrees(viewer, std::move(authors));
    std::vector<http::Shown<Comment>> shown;
    shown.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!cards[i] && !rows[i].is_deleted) continue;
        const std::int64_t place = rows[i].id.value;
        shown.push_back({place, comment_of(std::move(rows[i]), cards[i], degrees[i])});
    }
    co_return shown;
}

Task<void> CommentService::leave_out_hidden(const Viewer& viewer, std::vector<StoredComment>& comments,
                                            CommentId shown_parent) {
    std::erase_if(comments, [&](const StoredComment& comment) { return is_hidden(viewer, comment); });
    for (StoredComment& comment : comments) comment.mentions = viewer.visible(std::move(comment.mentions));
    co_await leave_out_hidden_parents(viewer, comments, shown_parent);

    std::map<PostId, sql::Ids> parents;
    for (const StoredComment& comment : comments)
        if (comment.reply_count > 0) parents[comment.post_id].push_back(comment.id.value);
    std::vector<PostId> posts;
    posts.reserve(parents.size());
    for (const auto& [post, ids] : parents) posts.push_back(post);
    const sql::Ids hidden = co_await reader_.hidden_participants(viewer, std::move(posts));
    if (hidden.empty()) co_return;
    for (auto& [post, ids] : parents) {
        const auto unseen = co_await count_unseen_replies(post, std::move(ids), hidden);
        for (StoredComment& comment : comments)
            if (const auto found = unseen.find(comment.id); found != unseen.end())
                comment.reply_count = std::max<std::int64_t>(comment.reply_count - found->second, 0);
    }
    std::erase_if(comments,
                  [](const StoredComment& comment) { return comment.is_deleted && comment.reply_count == 0; });
}

Task<void> CommentService::leave_out_hidden_parents(const Viewer& viewer, std::vector<StoredComment>& comments,
                                                    CommentId shown_parent) {
    std::vector<std::pair<PostId, CommentId>> keys;
    for (const StoredComment& comment : comments)
        if (comment.parent_id && comment.parent_id != shown_parent)
            keys.emplace_back(comment.post_id, comment.parent_id);
    if (keys.empty()) co_return;
    std::ranges::sort(keys);
    const auto repeated = std::ranges::unique(keys);
    keys.erase(repeated.begin(), repeated.end());
    const std::vector<StoredComment> parents = co_await comments_.list(std::move(keys));
    for (const StoredComment& parent : parents) {
        if (!is_hidden(viewer, parent)) continue;
        for (StoredComment& comment : comments)
            if (comment.parent_id == parent.id) comment.parent_id = {};
    }
}

Task<std::map<CommentId, std::int64_t>> CommentService::count_unseen_replies(PostId post, sql::Ids parents,
                                                                             sql::Ids hidden) {
    const auto replies = co_await comments_.list_reply_counts(post, parents, hidden);
    std::map<CommentId, std::int64_t> unseen(replies.begin(), replies.end());
    const std::vector<Tombstone> tombstones = co_await comments_.list_tombstones(post, std::move(parents));
    if (tombstones.empty()) co_return unseen;
    // A tombstone is not shown to a reader who sees none of its replies.
    sql::Ids below;
    for (const Tombstone& tombstone : tombstones) below.push_back(tombstone.id.value);
    const auto unseen_below = co_await count_unseen_replies(post, std::move(below), std::move(hidden));
    for (const Tombstone& tombstone : tombstones) {
        const auto found = unseen_below.find(tombstone.id);
        if (found != unseen_below.end() && found->second >= tombstone.reply_count) ++unseen[tombstone.parent_id];
    }
    co_return unseen;
}

Task<Result<http::Created<Comment>>> CommentService::create(http::Caller caller, PostId post, CreateComment body) {
    const Viewer viewer = co_await reader_.viewer(caller.id);
    const Result<PostRecordPointer> record = co_await reader_.find_record(viewer, post);
    if (!record) co_return record.error();
    std::optional<StoredComment> parent;
    if (body.parent_id) {
        parent = co_await comments_.find(post, *body.parent_id);
        if (!parent || parent->is_deleted || viewer.is_hidden(parent->author_id)) co_return no_such_parent();
        if (viewer.hides_anybody() && parent->depth >= kMaxCommentDepth) {
            // The reply will be beside its parent: below a comment that its author must see.
            const std::optional<StoredComment> above = co_await comments_.find(post, parent->parent_id);
            if (!above || is_hidden(viewer, *above)) co_return no_such_parent();
        }
    }
    TextEntities entities = find_entities(body.text.value);
    co_await resolve_mentions(directory_, caller.id, entities);
    std::vector<UserId> authors{caller.id};
    const std::vector<user::CardPointer> cards = co_await directory_.cards(std::move(authors));
    if (!cards.front()) co_return Error{Code::unauthenticated, "the account does not exist any more"};

    StoredComment comment;
    comment.post_id = post;
    if (parent) {
        const bool is_deepest = parent->depth >= kMaxCommentDepth;
        comment.parent_id = is_deepest ? parent->parent_id : parent->id;
        comment.depth = is_deepest ? parent->depth : parent->depth + 1;
    }
    comment.author_id = caller.id;
    comment.text = std::move(body.text.value);
    comment.mentions = std::move(entities.mentions);
    comment.created_at = clock_.now();
    Comment answer;
    std::string location;

    auto insert = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const std::optional<UserId> author = co_await counts_.add(tx, post, {}, 1);
        if (!author) co_return deleted_post();
        // Behind the lock of the post: ids then grow in the order of commits, and who pages oldest first skips none.
        comment.id = ids_.next<CommentId>();
        answer = comment_of(comment, cards.front(), kOwn);
        location = "/v1/comments/" + std::to_string(comment.id.value);
        if (parent) {
            const bool is_live = co_await comments_.is_live(tx, post, parent->id);
            if (!is_live) co_return no_such_parent();
            co_await comments_.add_reply(tx, post, comment.parent_id);
        }
        co_await comments_.insert(tx, comment);
        PostCommented event{post, *author, comment.id, caller.id, {}, {}, newly_mentioned({}, comment.mentions)};
        if (parent) {
            event.parent_id = parent->id;
            event.parent_author_id = parent->author_id;
        }
        co_await outbox_.append(tx, event, caller.request->traceparent);
        co_return co_await http::remember(tx, *caller.request, answer, location);
    };
    cache::Changes changes{{kRecordKind, {post.value}}};
    const Result<void> inserted = co_await cache::transact<void>(comments_.database(), coherence_, changes, insert);
    if (!inserted) co_return inserted.error();
    co_return http::Created<Comment>{answer, std::move(location)};
}

Task<Result<Comment>> CommentService::find(http::Visitor visitor, CommentId id) {
    const Viewer viewer = co_await reader_.viewer(visitor.id);
    Result<StoredComment> found = co_await find_visible(viewer, id);
    if (!found) co_return found.error();
    if (found->is_deleted) co_return deleted_comment();
    std::vector<StoredComment> rows{std::move(*found)};
    auto shown = co_await show(viewer, std::move(rows), CommentId{});
    if (shown.empty()) co_return no_such_comment();
    co_return std::move(shown.front().item);
}

Task<Page<Comment>> CommentService::page_under(const Viewer& viewer, PostId post, CommentId parent, CommentSort sort,
                                               const http::PageRequest& request) {
    std::vector<PostId> posts{post};
    const sql::Ids hidden = co_await reader_.hidden_participants(viewer, std::move(posts));
    auto fetch = [&](std::int64_t from, std::size_t count) {
        return comments_.list_under(post, parent, hidden, CommentId{from}, sort == CommentSort::recent, count);
    };
    auto show_rows = [&](std::vector<StoredComment> rows) { return show(viewer, std::move(rows), parent); };
    const auto key_of = [](const StoredComment& row) { return row.id.value; };
    co_return co_await http::fill_page<Comment>(request, fetch, key_of, show_rows);
}

Task<Result<Page<Comment>>> CommentService::list(http::Visitor visitor, PostId post, CommentsQuery query) {
    const CommentSort sort = query.sort.value_or(CommentSort::recent);
    const Result<http::PageRequest> request = page_request(query, "post.comments", sort);
    if (!request) co_return request.error();
    const Viewer viewer = co_await reader_.viewer(visitor.id);
    const Result<PostRecordPointer> record = co_await reader_.find_record(viewer, post);
    if (!record) co_return record.error();
    co_return co_await page_under(viewer, post, CommentId{}, sort, *request);
}

Task<Result<Page<Comment>>> CommentService::list_replies(http::Visitor visitor, CommentId id, CommentsQuery query) {
    const CommentSort sort = query.sort.value_or(CommentSort::oldest);
    const Result<http::PageRequest> request = page_request(query, "comment.replies", sort);
    if (!request) co_return request.error();
    const Viewer viewer = co_await reader_.viewer(visitor.id);
    const Result<StoredComment> found = co_await find_visible(viewer, id);
    if (!found) co_return found.error();
    co_return co_await page_under(viewer, found->post_id, id, sort, *request);
}

Task<Result<Comment>> CommentService::edit(http::Caller caller, CommentId id, EditComment body) {
    const Viewer viewer = co_await reader_.viewer(caller.id);
    const Result<StoredComment> found = co_await find_visible(viewer, id);
    if (!found) co_return found.error();
    if (found->is_deleted) co_return deleted_comment();
    if (found->author_id != caller.id) co_return Error{Code::forbidden, "only the author can change a comment"};
    TextEntities entities = find_entities(body.text.value);
    co_await resolve_mentions(directory_, caller.id, entities);
    std::vector<UserId> authors{caller.id};
    const std::vector<user::CardPointer> cards = co_await directory_.cards(std::move(authors));
    if (!cards.front()) co_return no_such_comment();  // the account ended meanwhile
    const PostId post = found->post_id;
    const Time now = clock_.now();

    std::vector<StoredComment> after;

    auto update = [&](sql::Transaction& tx) -> Task<Result<void>> {
        std::optional<StoredComment> comment = co_await comments_.lock(tx, post, id);
        if (!comment) co_return deleted_comment();
        if (auto matches = http::check_if_match(*caller.request, comment->version); !matches) co_return matches.error();
        if (comment->text == body.text.value) {
            after.assign(1, std::move(*comment));
            co_return Result<void>{};
        }
        const CommentEdited event{post, id, caller.id, newly_mentioned(comment->mentions, entities.mentions)};
        comment->text = body.text.value;
        comment->mentions = entities.mentions;
        comment->edited_at = now;
        ++comment->version;
        co_await comments_.update(tx, *comment);
        co_await outbox_.append(tx, event, caller.request->traceparent);
        after.assign(1, std::move(*comment));
        co_return Result<void>{};
    };
    const Result<void> updated = co_await comments_.database().transact<void>(update);
    if (!updated) co_return updated.error();
    if (viewer.hides_anybody()) co_await leave_out_hidden(viewer, after, CommentId{});
    co_return comment_of(std::move(after.front()), cards.front(), kOwn);
}

Task<Result<void>> CommentService::remove(http::Caller caller, CommentId id) {
    const Result<PostKey> removable = co_await find_removable(caller.id, id);
    if (!removable) co_return removable.error();
    const PostKey post = *removable;
    const Time now = clock_.now();

    auto erase = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const std::optional<UserId> author = co_await counts_.add(tx, post.id, {}, -1);
        if (!author) co_return deleted_post();
        const std::optional<RemovedComment> removed = co_await comments_.remove(tx, post.id, id, now);
        if (!removed) co_return deleted_comment();
        const CommentDeleted event{post.id, id, removed->author_id, caller.id};
        co_await outbox_.append(tx, event, caller.request->traceparent);
        co_return Result<void>{};
    };
    cache::Changes changes{{kRecordKind, {post.id.value}}};
    co_return co_await cache::transact<void>(comments_.database(), coherence_, changes, erase);
}

Task<Result<Page<Comment>>> CommentService::list_by_user(http::Caller caller, UserId user, json::PageQuery query) {
    const Result<http::PageRequest> request = http::PageRequest::of(query, kUserCommentsCursor);
    if (!request) co_return request.error();
    const Viewer viewer = co_await reader_.viewer(caller.id);
    const bool exists = co_await reader_.is_member(viewer, user);
    if (!exists) co_return user::no_such_member();

    using Keys = std::vector<std::pair<PostId, CommentId>>;
    auto fetch = [&](std::int64_t below, std::size_t count) {
        return comments_.list_by_user(user, CommentId{below}, count);
    };
    auto show_rows = [&](Keys rows) -> Task<std::vector<http::Shown<Comment>>> {
        std::vector<ListedPost> posts;
        for (const auto& [post, comment] : rows) posts.push_back({{post, {}}, nullptr});
        const std::vector<PostView> views = co_await reader_.list_visible(viewer, std::move(posts));
        std::unordered_set<PostId> visible;
        for (const PostView& view : views) visible.insert(view.record->key.id);
        std::erase_if(rows, [&](const auto& row) { return !visible.contains(row.first); });
        std::vector<StoredComment> comments = co_await comments_.list(std::move(rows));
        std::ranges::sort(comments, std::ranges::greater(), &StoredComment::id);
        std::erase_if(comments, [](const StoredComment& comment) { return comment.is_deleted; });
        co_return co_await show(viewer, std::move(comments), CommentId{});
    };
    const auto key_of = [](const Keys::value_type& row) { return row.second.value; };
    co_return co_await http::fill_page<Comment>(*request, fetch, key_of, show_rows);
}

}  // namespace guildhall::post
