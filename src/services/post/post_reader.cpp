#include "services/post/post_reader.hpp"

#include <algorithm>
#include <string_view>

#include "platform/base/text.hpp"

namespace guildhall::post {
namespace {

constexpr std::size_t kMaxOwnReactions = 512;
constexpr std::size_t kExcerptLength = 200;

Error no_such_post() { return {Code::not_found, "there is no such post"}; }

std::string excerpt_of(std::string_view text) {
    std::size_t end = 0;
    for (std::size_t count = 0; count < kExcerptLength && end < text.size(); ++count) next_code_point(text, end);
    return std::string(text.substr(0, end));
}

}  // namespace

Task<Viewer> PostReader::viewer(UserId user) {
    if (!user) co_return Viewer();
    auto hidden = co_await directory_.hidden_from(user);
    auto connections = co_await network_.connections_of(user);
    co_return Viewer(user, std::move(hidden), std::move(connections));
}

Task<std::vector<PostRecordPointer>> PostReader::records(std::vector<PostKey> keys) {
    std::vector<PostRecordPointer> found(keys.size());
    std::vector<PostKey> missing;
    std::vector<std::pair<std::size_t, cache::Local<PostId, PostRecord>::Ticket>> places;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        found[i] = records_.find(keys[i].id);
        if (found[i]) continue;
        places.emplace_back(i, records_.ticket(keys[i].id));
        missing.push_back(keys[i]);
    }
    if (missing.empty()) co_return found;

    std::vector<StoredPost> stored = co_await store_.list_posts(std::move(missing));
    for (StoredPost& post : stored) {
        const PostId id = post.key.id;
        const auto record = std::make_shared<const PostRecord>(std::move(post));
        for (const auto& [place, ticket] : places) {
            if (keys[place].id != id) continue;
            found[place] = record;
            records_.put(id, record, ticket);
        }
    }
    co_return found;
}

Task<std::vector<PostView>> PostReader::list_visible(const Viewer& viewer, std::vector<PostKey> keys) {
    std::vector<PostRecordPointer> found = co_await records(std::move(keys));
    std::erase_if(found, [&viewer](const PostRecordPointer& record) {
        return !record || record->post.is_deleted ||
               !viewer.may_see(record->post.key.author_id, record->post.visibility);
    });
    std::vector<PostView> views;
    if (found.empty()) co_return views;

    std::vector<UserId> authors;
    authors.reserve(found.size());
    for (const PostRecordPointer& record : found) authors.push_back(record->post.key.author_id);
    std::vector<user::CardPointer> cards = co_await directory_.cards(std::move(authors));
    views.reserve(found.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (!cards[i]) continue;
        const std::int64_t version = found[i]->post.version;
        views.push_back({std::move(found[i]), std::move(cards[i]), {}, version});
    }
    if (viewer.id()) co_await add_own_reactions(viewer.id(), views);
    co_return views;
}

Task<void> PostReader::add_own_reactions(UserId user, std::span<PostView> views) {
    const auto is_without = [](const PostView& view) { return view.record->post.reactions.total == 0; };
    if (std::ranges::all_of(views, is_without)) co_return;

    auto own = own_reactions_.find(user);
    if (!own) {
        const auto ticket = own_reactions_.ticket(user);
        std::vector<OwnReaction> newest = co_await store_.list_newest_reactions_of(user, kMaxOwnReactions);
        const PostId floor = newest.size() < kMaxOwnReactions ? PostId{} : newest.back().first;
        own = std::make_shared<const OwnReactions>(std::move(newest), floor);
        own_reactions_.put(user, own, ticket);
    }
    std::vector<PostId> older;
    for (PostView& view : views) {
        if (is_without(view)) continue;
        const PostId id = view.record->post.key.id;
        if (id < own->floor) {
            older.push_back(id);
            continue;
        }
        const auto found = std::ranges::lower_bound(own->reactions, id, std::ranges::greater(), &OwnReaction::first);
        if (found != own->reactions.end() && found->first == id) view.my_reaction = found->second;
    }
    if (older.empty()) co_return;
    const std::vector<OwnReaction> reactions = co_await store_.list_reactions_of(user, std::move(older));
    for (const auto& [id, kind] : reactions)
        for (PostView& view : views)
            if (view.record->post.key.id == id) view.my_reaction = kind;
}

Task<Result<PostRecordPointer>> PostReader::find_record(const Viewer& viewer, PostId id) {
    PostRecordPointer record = records_.find(id);
    if (!record) {
        std::vector<PostKey> keys{{id, {}}};
        record = (co_await records(std::move(keys))).front();
    }
    if (!record || !viewer.may_see(record->post.key.author_id, record->post.visibility)) co_return no_such_post();
    if (record->post.is_deleted) co_return Error{Code::gone, "the post has been deleted"};
    co_return record;
}

Task<Result<PostView>> PostReader::find(const Viewer& viewer, PostId id) {
    Result<PostRecordPointer> record = co_await find_record(viewer, id);
    if (!record) co_return record.error();
    std::vector<UserId> authors{(*record)->post.key.author_id};
    std::vector<user::CardPointer> cards = co_await directory_.cards(std::move(authors));
    if (!cards.front()) co_return no_such_post();
    const std::int64_t version = (*record)->post.version;
    PostView view{std::move(*record), std::move(cards.front()), {}, version};
    if (viewer.id()) co_await add_own_reactions(viewer.id(), std::span(&view, 1));
    co_return view;
}

Task<std::vector<PostCardPointer>> PostReader::cards(UserId viewer_id, std::vector<PostId> ids) {
    const Viewer who = co_await viewer(viewer_id);
    std::vector<PostKey> keys;
    keys.reserve(ids.size());
    for (const PostId id : ids) keys.push_back({id, {}});
    const std::vector<PostRecordPointer> found = co_await records(std::move(keys));
    std::vector<PostCardPointer> cards(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (!found[i] || found[i]->post.is_deleted) continue;
        const StoredPost& post = found[i]->post;
        if (!who.may_see(post.key.author_id, post.visibility)) continue;
        cards[i] = std::make_shared<const PostCard>(post.key.id, post.key.author_id, post.visibility, post.created_at,
                                                    excerpt_of(post.text));
    }
    co_return cards;
}

}  // namespace guildhall::post
