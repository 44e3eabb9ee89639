#include "services/post/post_reader.hpp"

#include <algorithm>

#include "services/post/cache_kinds.hpp"

namespace guildhall::post {
namespace {

constexpr std::size_t kMaxOwnReactions = 512;
constexpr std::int64_t kRowsPerLookup = 8;  // rows of an index that are read in the time of a look-up

// Of a post that exists, is not deleted and whose author exists.
bool is_visible(const Viewer& viewer, const PostRecordPointer& record) {
    return record && !record->is_deleted && record->author && viewer.may_see(record->key.author_id, record->visibility);
}

Error no_such_post() { return {Code::not_found, "there is no such post"}; }

// The two were not read at one instant: a count is never below 0 for that.
Counts less(const Counts& all, const Counts& some) {
    const auto minus = [](std::int64_t a, std::int64_t b) { return std::max<std::int64_t>(a - b, 0); };
    const Reactions& a = all.reactions;
    const Reactions& b = some.reactions;
    return {
        {minus(a.total, b.total), minus(a.like, b.like), minus(a.celebrate, b.celebrate), minus(a.support, b.support),
         minus(a.love, b.love), minus(a.insightful, b.insightful), minus(a.funny, b.funny)},
        minus(all.comment_count, some.comment_count)};
}

}  // namespace

PostReader::PostReader(Parts parts, ReaderLimits limits)
    : posts_(parts.posts),
      counts_(parts.counts),
      reactions_(parts.reactions),
      directory_(parts.directory),
      network_(parts.network),
      degrees_(parts.degrees),
      records_(
          limits.post_bytes, [](const PostRecord& record) { return record.weight(); }, parts.coherence.live()),
      own_reactions_(
          limits.reaction_bytes,
          [](const OwnReactions& own) { return sizeof own + own.reactions.capacity() * sizeof(OwnReaction); },
          parts.coherence.live()),
      records_registration_(cache::keep_coherent(parts.coherence, kRecordKind, records_)),
      reactions_registration_(cache::keep_coherent(parts.coherence, kReactionsKind, own_reactions_)) {}

Task<Viewer> PostReader::viewer(UserId user) {
    if (!user) co_return Viewer();
    auto hidden = co_await directory_.hidden_from(user);
    auto circle = co_await network_.circle_of(user);
    co_return Viewer(user, std::move(hidden), std::move(circle));
}

Task<connection::DegreeList> PostReader::degrees(const Viewer& viewer, std::vector<UserId> members) {
    if (!viewer.id()) co_return connection::DegreeList(members.size());
    co_return co_await degrees_.degrees_of_all(viewer.id(), std::move(members));
}

Task<std::vector<ListedPost>> PostReader::look_up(std::vector<ListedPost> posts) {
    std::vector<PostKey> missing;
    std::vector<std::pair<std::size_t, cache::Local<PostId, PostRecord>::Ticket>> places;
    for (std::size_t i = 0; i < posts.size(); ++i) {
        ListedPost& post = posts[i];
        if (post.record && post.record->is_current()) continue;
        post.record = records_.find(post.key.id);
        if (post.record && post.record->is_current()) continue;
        post.record = nullptr;
        places.emplace_back(i, records_.ticket(post.key.id));
        missing.push_back(post.key);
    }
    if (missing.empty()) co_return posts;

    const std::vector<StoredPost> stored = co_await posts_.list(std::move(missing));
    std::vector<UserId> authors;
    authors.reserve(stored.size());
    for (const StoredPost& post : stored) authors.push_back(post.key.author_id);
    std::vector<user::CardPointer> cards = co_await directory_.cards(std::move(authors));
    for (std::size_t i = 0; i < stored.size(); ++i) {
        const PostId id = stored[i].key.id;
        const auto record = std::make_shared<const PostRecord>(stored[i], std::move(cards[i]));
        for (const auto& [place, ticket] : places) {
            if (posts[place].key.id != id) continue;
            posts[place].record = record;
            // Nothing tells when an author who is not there comes.
            if (record->author || record->is_deleted) records_.put(id, record, ticket);
        }
    }
    co_return posts;
}

Task<std::vector<PostView>> PostReader::list_visible(const Viewer& viewer, std::vector<ListedPost> posts) {
    posts = co_await look_up(std::move(posts));
    std::vector<PostView> views;
    views.reserve(posts.size());
    for (ListedPost& post : posts) {
        if (!is_visible(viewer, post.record)) continue;
        const std::int64_t version = post.record->version;
        views.push_back({std::move(post.record), {}, version, nullptr});
    }
    if (viewer.id() && !views.empty()) co_await add_own_reactions(viewer.id(), views);
    if (viewer.hides_anybody() && !views.empty()) co_await leave_out_hidden(viewer, views);
    co_return views;
}

Task<void> PostReader::add_own_reactions(UserId user, std::span<PostView> views) {
    const auto is_without = [](const PostView& view) { return view.record->counts.reactions.total == 0; };
    if (std::ranges::all_of(views, is_without)) co_return;

    auto own = own_reactions_.find(user);
    if (!own) {
        const auto ticket = own_reactions_.ticket(user);
        std::vector<OwnReaction> newest = co_await reactions_.list_newest_of(user, kMaxOwnReactions);
        const PostId floor = newest.size() < kMaxOwnReactions ? PostId{} : newest.back().first;
        own = std::make_shared<const OwnReactions>(std::move(newest), floor);
        own_reactions_.put(user, own, ticket);
    }
    std::vector<PostId> older;
    for (PostView& view : views) {
        if (is_without(view)) continue;
        const PostId id = view.record->key.id;
        if (id < own->floor) {
            older.push_back(id);
            continue;
        }
        const auto found = std::ranges::lower_bound(own->reactions, id, std::ranges::greater(), &OwnReaction::first);
        if (found != own->reactions.end() && found->first == id) view.my_reaction = found->second;
    }
    if (older.empty()) co_return;
    const std::vector<OwnReaction> reactions = co_await reactions_.list_of(user, std::move(older));
    for (const auto& [id, kind] : reactions)
        for (PostView& view : views)
            if (view.record->key.id == id) view.my_reaction = kind;
}

Task<void> PostReader::leave_out_hidden(const Viewer& viewer, std::span<PostView> views) {
    sql::Ids posts;
    std::int64_t participants = 0;
    for (PostView& view : views) {
        const PostRecord& record = *view.record;
        if (viewer.hides_any(record.mentions))
            view.seen = std::make_shared<const SeenPost>(viewer.visible(record.mentions), record.counts);
        const std::int64_t count = record.counts.reactions.total + record.counts.comment_count;
        if (count > 0) posts.push_back(record.key.id.value);
        participants += count;
    }
    if (posts.empty()) co_return;
    sql::Ids hidden = co_await hidden_among(viewer, posts, participants);
    if (hidden.empty()) co_return;
    const auto unseen = co_await counts_.list_made_by(std::move(hidden), std::move(posts));
    for (const auto& [id, counts] : unseen) {
        for (PostView& view : views) {
            const PostRecord& record = *view.record;
            if (record.key.id != id) continue;
            view.seen = std::make_shared<const SeenPost>(viewer.visible(record.mentions), less(record.counts, counts));
        }
    }
}

Task<sql::Ids> PostReader::hidden_participants(const Viewer& viewer, std::vector<PostId> posts) {
    if (!viewer.hides_anybody() || posts.empty()) co_return sql::Ids{};
    sql::Ids ids = sql::ids_of(std::span<const PostId>(posts));
    std::int64_t participants = 0;
    for (const ListedPost& post : co_await look_up(listed(posts)))
        if (post.record) participants += post.record->counts.reactions.total + post.record->counts.comment_count;
    co_return co_await hidden_among(viewer, std::move(ids), participants);
}

Task<sql::Ids> PostReader::hidden_among(const Viewer& viewer, sql::Ids posts, std::int64_t participants) {
    // Otherwise each hidden member is looked up at each post.
    const auto lookups = static_cast<std::int64_t>(viewer.hidden_count() * posts.size());
    if (participants >= lookups * kRowsPerLookup) co_return viewer.hidden_ids();
    sql::Ids users = co_await counts_.list_participants(std::move(posts));
    std::erase_if(users, [&](std::int64_t user) { return !viewer.is_hidden(UserId{user}); });
    co_return users;
}

Task<bool> PostReader::is_member(const Viewer& viewer, UserId user) {
    // The same question about a hidden member and about nobody: the time of the answer does not tell them apart.
    return directory_.exists(viewer.is_hidden(user) ? user::kNoMember : user);
}

Task<PostRecordPointer> PostReader::find_any(PostId id) {
    PostRecordPointer record = records_.find(id);
    if (record && record->is_current()) co_return record;
    std::vector<ListedPost> posts = listed(std::span(&id, 1));
    posts = co_await look_up(std::move(posts));
    co_return std::move(posts.front().record);
}

Task<Result<PostRecordPointer>> PostReader::find_record(const Viewer& viewer, PostId id) {
    PostRecordPointer record = co_await find_any(id);
    if (!record || !viewer.may_see(record->key.author_id, record->visibility)) co_return no_such_post();
    if (record->is_deleted) co_return deleted_post();
    if (!record->author) co_return no_such_post();
    co_return record;
}

Task<Result<PostView>> PostReader::find(const Viewer& viewer, PostId id) {
    Result<PostRecordPointer> record = co_await find_record(viewer, id);
    if (!record) co_return record.error();
    const std::int64_t version = (*record)->version;
    PostView view{std::move(*record), {}, version, nullptr};
    if (viewer.id()) co_await add_own_reactions(viewer.id(), std::span(&view, 1));
    if (viewer.hides_anybody()) co_await leave_out_hidden(viewer, std::span(&view, 1));
    co_return view;
}

Task<std::vector<PostCardPointer>> PostReader::cards(UserId viewer_id, std::vector<PostId> ids) {
    const Viewer who = co_await viewer(viewer_id);
    const std::vector<ListedPost> posts = co_await look_up(listed(ids));
    std::vector<PostCardPointer> cards;
    cards.reserve(posts.size());
    for (const ListedPost& post : posts)
        cards.push_back(is_visible(who, post.record) ? std::make_shared<const PostCard>(post.record->card()) : nullptr);
    co_return cards;
}

Error deleted_post() { return {Code::gone, "the post has been deleted"}; }

std::vector<ListedPost> listed(std::span<const PostId> posts) {
    std::vector<ListedPost> list;
    list.reserve(posts.size());
    for (const PostId id : posts) list.push_back({{id, {}}, nullptr});
    return list;
}

}  // namespace guildhall::post
