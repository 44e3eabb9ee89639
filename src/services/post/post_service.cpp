#include "services/post/post_service.hpp"

#include <algorithm>

#include "platform/cache/transact.hpp"
#include "platform/http/idempotency.hpp"
#include "services/post/cache_kinds.hpp"
#include "services/post/public/events.hpp"

namespace guildhall::post {
namespace {

constexpr std::string_view kFeedCursor = "feed.newest";
constexpr std::string_view kAuthorCursor = "author.posts";
constexpr std::string_view kHashtagCursor = "hashtag.posts";

}  // namespace

Task<void> resolve_mentions(user::Directory& directory, UserId author, TextEntities& entities) {
    if (entities.mentions.empty()) co_return;
    std::vector<std::string> handles = handles_of(entities.mentions);
    const std::vector<UserId> users = co_await directory.ids_of_handles(handles);
    const auto hidden = co_await directory.hidden_from(author);
    for (Mention& mention : entities.mentions) {
        const auto place = static_cast<std::size_t>(std::ranges::find(handles, mention.handle) - handles.begin());
        if (!hidden->contains(users[place])) mention.user_id = users[place];
    }
    std::erase_if(entities.mentions, [](const Mention& mention) { return !mention.user_id; });
}

std::vector<UserId> newly_mentioned(const std::vector<Mention>& before, const std::vector<Mention>& mentions) {
    std::vector<UserId> users;
    for (const Mention& mention : mentions)
        if (std::ranges::find(before, mention.user_id, &Mention::user_id) == before.end() &&
            std::ranges::find(users, mention.user_id) == users.end())
            users.push_back(mention.user_id);
    return users;
}

Task<Result<http::Created<PostView>>> PostService::create(http::Caller caller, CreatePost body) {
    TextEntities entities = find_entities(body.text.value);
    co_await resolve_mentions(directory_, caller.id, entities);
    std::vector<UserId> authors{caller.id};
    std::vector<user::CardPointer> cards = co_await directory_.cards(std::move(authors));
    if (!cards.front()) co_return Error{Code::unauthenticated, "the account does not exist any more"};

    StoredPost post;
    post.key = {ids_.next<PostId>(), caller.id};
    post.text = std::move(body.text.value);
    post.visibility = body.visibility.value_or(Visibility::members);
    post.hashtags = std::move(entities.hashtags);
    post.mentions = std::move(entities.mentions);
    post.created_at = clock_.now();
    const PostView view{std::make_shared<const PostRecord>(post, std::move(cards.front())), {}, 1, nullptr};
    const PostCreated event{caller.id, post.key.id, post.visibility, newly_mentioned({}, post.mentions)};
    std::string location = "/v1/posts/" + std::to_string(post.key.id.value);

    auto insert = [&](sql::Transaction& tx) -> Task<Result<void>> {
        co_await posts_.insert(tx, post);
        co_await outbox_.append(tx, event, caller.request->traceparent);
        co_return co_await http::remember(tx, *caller.request, view, location);
    };
    cache::Changes changes{{kTimelineKind, {caller.id.value}}};
    const Result<void> inserted = co_await cache::transact<void>(posts_.database(), coherence_, changes, insert);
    if (!inserted) co_return inserted.error();
    co_return http::Created<PostView>{view, std::move(location)};
}

Task<Result<PostView>> PostService::find(http::Visitor visitor, PostId id) {
    const Viewer viewer = co_await reader_.viewer(visitor.id);
    co_return co_await reader_.find(viewer, id);
}

Task<Result<Page<PostView>>> PostService::list_by_ids(http::Visitor visitor, PostsQuery query) {
    const Viewer viewer = co_await reader_.viewer(visitor.id);
    auto visible = co_await reader_.list_visible(viewer, listed(query.ids.items));
    co_return Page<PostView>{std::move(visible), std::nullopt};
}

Task<Result<PostKey>> PostService::own_post(UserId caller, PostId id) {
    const Viewer viewer = co_await reader_.viewer(caller);
    const Result<PostRecordPointer> record = co_await reader_.find_record(viewer, id);
    if (!record) co_return record.error();
    const PostKey key = (*record)->key;
    if (key.author_id != caller) co_return Error{Code::forbidden, "only the author can change a post"};
    co_return key;
}

Task<Result<PostView>> PostService::edit(http::Caller caller, PostId id, EditPost body) {
    const Result<PostKey> key = co_await own_post(caller.id, id);
    if (!key) co_return key.error();
    TextEntities entities;
    if (body.text.value) {
        entities = find_entities(body.text.value->value);
        co_await resolve_mentions(directory_, caller.id, entities);
    }
    const Time now = clock_.now();

    auto update = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const std::optional<StoredPost> before = co_await posts_.lock(tx, *key);
        if (!before) co_return deleted_post();
        if (auto matches = http::check_if_match(*caller.request, before->version); !matches) co_return matches.error();
        StoredPost after = *before;
        const bool has_new_text = body.text.value && body.text.value->value != before->text;
        if (has_new_text) {
            after.text = body.text.value->value;
            after.hashtags = entities.hashtags;
            after.mentions = entities.mentions;
            after.edited_at = now;
        }
        if (body.visibility.value) after.visibility = *body.visibility.value;
        const bool has_new_audience = after.visibility != before->visibility;
        if (!has_new_text && !has_new_audience) co_return Result<void>{};
        ++after.version;
        co_await posts_.update(tx, *before, after);
        if (has_new_text) {
            const PostEdited event{caller.id, id, newly_mentioned(before->mentions, after.mentions)};
            co_await outbox_.append(tx, event, caller.request->traceparent);
        }
        if (has_new_audience) {
            const PostVisibilityChanged event{caller.id, id, after.visibility};
            co_await outbox_.append(tx, event, caller.request->traceparent);
        }
        co_return Result<void>{};
    };
    cache::Changes changes{{kRecordKind, {id.value}}, {kTimelineKind, {caller.id.value}}};
    const Result<void> updated = co_await cache::transact<void>(posts_.database(), coherence_, changes, update);
    if (!updated) co_return updated.error();
    const Viewer viewer = co_await reader_.viewer(caller.id);
    co_return co_await reader_.find(viewer, id);
}

Task<Result<void>> PostService::remove(http::Caller caller, PostId id) {
    const Result<PostKey> key = co_await own_post(caller.id, id);
    if (!key) co_return key.error();
    const Time now = clock_.now();
    const PostDeleted event{caller.id, id};

    auto erase = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const std::optional<StoredPost> post = co_await posts_.lock(tx, *key);
        if (!post) co_return deleted_post();
        if (auto matches = http::check_if_match(*caller.request, post->version); !matches) co_return matches.error();
        co_await posts_.erase(tx, *post, now);
        co_await outbox_.append(tx, event, caller.request->traceparent);
        co_return Result<void>{};
    };
    cache::Changes changes{{kRecordKind, {id.value}}, {kTimelineKind, {caller.id.value}}};
    co_return co_await cache::transact<void>(posts_.database(), coherence_, changes, erase);
}

template <class Fetch>
Task<Page<PostView>> PostService::page_of_posts(const Viewer& viewer, const http::PageRequest& request, Fetch& fetch) {
    auto show = [&](std::vector<ListedPost> posts) -> Task<std::vector<http::Shown<PostView>>> {
        std::vector<PostView> views = co_await reader_.list_visible(viewer, std::move(posts));
        std::vector<http::Shown<PostView>> shown;
        shown.reserve(views.size());
        for (PostView& view : views) {
            const std::int64_t key = view.record->key.id.value;
            shown.push_back({key, std::move(view)});
        }
        co_return shown;
    };
    const auto key_of = [](const ListedPost& post) { return post.key.id.value; };
    co_return co_await http::fill_page<PostView>(request, fetch, key_of, show);
}

Task<Result<Page<PostView>>> PostService::feed(http::Caller caller, FeedQuery query) {
    const Result<http::PageRequest> request = http::PageRequest::of(query, kFeedCursor);
    if (!request) co_return request.error();
    const Viewer viewer = co_await reader_.viewer(caller.id);
    auto fetch = [&](std::int64_t below, std::size_t count) { return feed_.list(viewer, PostId{below}, count); };
    co_return co_await page_of_posts(viewer, *request, fetch);
}

Task<Result<Page<PostView>>> PostService::list_by_author(http::Visitor visitor, UserId author, json::PageQuery query) {
    const Result<http::PageRequest> request = http::PageRequest::of(query, kAuthorCursor);
    if (!request) co_return request.error();
    const Viewer viewer = co_await reader_.viewer(visitor.id);
    const std::optional<Visibility> audience = viewer.audience_of(author);
    const bool exists = co_await reader_.is_member(viewer, author);
    if (!exists || !audience) co_return user::no_such_member();

    auto fetch = [&](std::int64_t below, std::size_t count) -> Task<std::vector<ListedPost>> {
        std::vector<ListedPost> posts;
        std::vector<UserId> authors{author};
        const TimelinePointer timeline = (co_await timelines_.of(std::move(authors))).front();
        std::int64_t last = below;
        for (const TimelineEntry& entry : timeline->entries) {
            if (entry.id.value >= below) continue;
            last = entry.id.value;
            if (entry.visibility <= *audience) posts.push_back({{entry.id, author}, nullptr});
            if (posts.size() == count) break;
        }
        if (posts.size() == count || timeline->is_complete) co_return posts;
        // The timeline keeps the newest only.
        std::vector<TimelineRequest> request{{author, PostId{last}, *audience}};
        const auto older = co_await posts_.list_timelines(std::move(request), count - posts.size());
        for (const TimelineEntry& entry : older.front()) posts.push_back({{entry.id, author}, nullptr});
        co_return posts;
    };
    co_return co_await page_of_posts(viewer, *request, fetch);
}

Task<Result<Page<PostView>>> PostService::list_by_hashtag(http::Visitor visitor, json::Tag tag, json::PageQuery query) {
    const Result<http::PageRequest> request = http::PageRequest::of(query, kHashtagCursor);
    if (!request) co_return request.error();
    const Viewer viewer = co_await reader_.viewer(visitor.id);
    // Of every visibility for who is signed in: what they may not see is left out when it is shown, and bounded there.
    auto fetch = [&](std::int64_t below, std::size_t count) -> Task<std::vector<ListedPost>> {
        const std::vector<PostKey> keys =
            co_await posts_.list_by_hashtag(tag.value, PostId{below}, !viewer.id(), count);
        std::vector<ListedPost> posts;
        posts.reserve(keys.size());
        for (const PostKey& key : keys) posts.push_back({key, nullptr});
        co_return posts;
    };
    co_return co_await page_of_posts(viewer, *request, fetch);
}

}  // namespace guildhall::post
