#include "services/post/importer.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "platform/base/text.hpp"
#include "platform/cache/transact.hpp"
#include "platform/json/read.hpp"
#include "services/post/cache_kinds.hpp"
#include "services/post/post_service.hpp"
#include "services/post/public/events.hpp"
#include "services/post/text_entities.hpp"

namespace guildhall::post {
namespace {

constexpr int kLowBits = 22;  // of an id: node and sequence
constexpr std::int64_t kLowMask = (std::int64_t{1} << kLowBits) - 1;
// Imported ids start at the last node number, of which a running node makes ids only now, while an import writes of
// the past.
constexpr std::int64_t kImportNode = std::int64_t{1023} << 12;

std::int64_t key_of(std::string_view kind, std::string_view key) {
    std::string name(kind);
    name += ':';
    name += key;
    return static_cast<std::int64_t>(stable_hash(name) >> 1);
}

// Ids for things made at `times`, in order: the first free of each millisecond, then on. `list_taken` says which of
// some ids are taken.
template <class ListTaken>
Task<std::vector<std::int64_t>> ids_at(const std::vector<Time>& times, ListTaken& list_taken) {
    std::unordered_map<std::int64_t, std::int64_t> first_free;  // by first_id_at
    std::vector<std::int64_t> ids(times.size());
    while (true) {
        std::unordered_map<std::int64_t, std::int64_t> next = first_free;
        for (std::size_t i = 0; i < times.size(); ++i) {
            const std::int64_t start = first_id_at(times[i]);
            const auto [found, is_new] = next.try_emplace(start, start + kImportNode);
            ids[i] = found->second++;
        }
        const sql::Ids taken = co_await list_taken(sql::Ids(ids));
        if (taken.empty()) co_return ids;
        const std::unordered_set<std::int64_t> are_taken(taken.begin(), taken.end());
        for (std::size_t i = 0; i < times.size(); ++i) {
            if (!are_taken.contains(ids[i])) continue;
            std::int64_t& free = first_free[first_id_at(times[i])];
            free = std::max(free, ids[i] + 1);
        }
    }
}

// The canonical text, as of a request's body.
std::string checked_text(std::string_view text, std::size_t max, std::size_t index, json::Faults& faults) {
    std::string out;
    const json::Place root;
    const json::Place item = root.item(index);
    json::rules::text(text, out, 1, max, false, item.member("text"), faults);
    return out;
}

// What is made of a batch's texts and keys, in the order of its items.
struct Batch {
    std::vector<TextEntities> entities;
    sql::Ids keys;
};

// Makes the texts of `items` canonical. Errors: invalid with a pointer for each faulty text.
template <class Item>
Task<Result<Batch>> prepare(user::Directory& directory, std::vector<Item>& items, std::string_view kind,
                            std::size_t max_length) {
    json::Faults faults;
    Batch batch;
    for (std::size_t i = 0; i < items.size(); ++i) {
        items[i].text = checked_text(items[i].text, max_length, i, faults);
        TextEntities& entities = batch.entities.emplace_back(find_entities(items[i].text));
        co_await resolve_mentions(directory, items[i].author_id, entities);
        batch.keys.push_back(key_of(kind, items[i].key));
    }
    if (!faults.empty()) co_return Error{Code::invalid, "the input has faulty texts", "", faults.take()};
    co_return batch;
}

Error no_such(std::string_view what, std::int64_t id) {
    return {Code::not_found, "there is no " + std::string(what) + " " + std::to_string(id)};
}

}  // namespace

Task<Result<std::vector<PostId>>> Importer::import_posts(std::vector<ImportedPost> posts) {
    const Result<Batch> batch = co_await prepare(directory_, posts, "post", kMaxPostLength);
    if (!batch) co_return batch.error();
    const sql::Ids& keys = batch->keys;

    auto insert = [&](sql::Transaction& tx) -> Task<Result<std::vector<PostId>>> {
        const auto imported = co_await imports_.list(tx, keys);
        const std::unordered_map<std::int64_t, std::int64_t> known(imported.begin(), imported.end());
        std::vector<std::size_t> fresh;
        std::vector<Time> times;
        for (std::size_t i = 0; i < posts.size(); ++i) {
            if (known.contains(keys[i])) continue;
            fresh.push_back(i);
            times.push_back(posts[i].created_at);
        }
        auto list_taken = [&](sql::Ids candidates) { return imports_.list_taken_post_ids(tx, std::move(candidates)); };
        const std::vector<std::int64_t> ids = co_await ids_at(times, list_taken);

        std::vector<PostId> made(posts.size());
        for (std::size_t n = 0; n < fresh.size(); ++n) {
            const std::size_t i = fresh[n];
            made[i] = PostId{ids[n]};
            StoredPost post;
            post.key = {made[i], posts[i].author_id};
            post.text = posts[i].text;
            post.visibility = posts[i].visibility;
            post.hashtags = batch->entities[i].hashtags;
            post.mentions = batch->entities[i].mentions;
            post.created_at = posts[i].created_at;
            co_await posts_.insert(tx, post);
            co_await imports_.insert(tx, keys[i], ids[n]);
            const PostCreated event{post.key.author_id, post.key.id, post.visibility,
                                    newly_mentioned({}, post.mentions)};
            co_await outbox_.append(tx, event);
        }
        for (std::size_t i = 0; i < posts.size(); ++i)
            if (const auto found = known.find(keys[i]); found != known.end()) made[i] = PostId{found->second};
        co_return made;
    };
    std::set<std::int64_t> authors;
    for (const ImportedPost& post : posts) authors.insert(post.author_id.value);
    cache::Changes changes{{kTimelineKind, {authors.begin(), authors.end()}}};
    co_return co_await cache::transact<std::vector<PostId>>(posts_.database(), coherence_, changes, insert);
}

Task<Result<std::vector<CommentId>>> Importer::import_comments(std::vector<ImportedComment> comments) {
    const Result<Batch> batch = co_await prepare(directory_, comments, "comment", kMaxCommentLength);
    if (!batch) co_return batch.error();
    const sql::Ids& keys = batch->keys;

    auto insert = [&](sql::Transaction& tx) -> Task<Result<std::vector<CommentId>>> {
        const auto imported = co_await imports_.list(tx, keys);
        const std::unordered_map<std::int64_t, std::int64_t> known(imported.begin(), imported.end());
        std::vector<std::size_t> fresh;
        std::vector<Time> times;
        std::map<PostId, std::int64_t> counts;  // in order of id, so that two imports lock posts alike
        for (std::size_t i = 0; i < comments.size(); ++i) {
            if (known.contains(keys[i])) continue;
            fresh.push_back(i);
            times.push_back(comments[i].created_at);
            ++counts[comments[i].post_id];
        }
        std::unordered_map<PostId, UserId> authors;
        for (const auto& [post, count] : counts) {
            const std::optional<UserId> author = co_await counts_.add(tx, post, {}, count);
            if (!author) co_return no_such("post", post.value);
            authors[post] = *author;
        }
        auto list_taken = [&](sql::Ids candidates) {
            return imports_.list_taken_comment_ids(tx, std::move(candidates));
        };
        const std::vector<std::int64_t> ids = co_await ids_at(times, list_taken);

        std::vector<CommentId> made(comments.size());
        for (std::size_t n = 0; n < fresh.size(); ++n) {
            const std::size_t i = fresh[n];
            made[i] = CommentId{ids[n]};
            const ImportedComment& input = comments[i];
            StoredComment comment;
            comment.id = made[i];
            comment.post_id = input.post_id;
            PostCommented event{input.post_id, authors[input.post_id], comment.id, input.author_id, {}, {}, {}};
            if (input.parent_id) {
                const std::optional<StoredComment> parent =
                    co_await comments_.lock(tx, input.post_id, *input.parent_id);
                if (!parent) co_return no_such("comment", input.parent_id->value);
                const bool is_deepest = parent->depth >= kMaxCommentDepth;
                comment.parent_id = is_deepest ? parent->parent_id : parent->id;
                comment.depth = is_deepest ? parent->depth : parent->depth + 1;
                co_await comments_.add_reply(tx, input.post_id, comment.parent_id);
                event.parent_id = parent->id;
                event.parent_author_id = parent->author_id;
            }
            comment.author_id = input.author_id;
            comment.text = input.text;
            comment.mentions = batch->entities[i].mentions;
            comment.created_at = input.created_at;
            event.mentioned_ids = newly_mentioned({}, comment.mentions);
            co_await comments_.insert(tx, comment);
            co_await imports_.insert(tx, keys[i], ids[n]);
            co_await outbox_.append(tx, event);
        }
        for (std::size_t i = 0; i < comments.size(); ++i)
            if (const auto found = known.find(keys[i]); found != known.end()) made[i] = CommentId{found->second};
        co_return made;
    };
    cache::Change posts{kRecordKind, {}};
    for (const ImportedComment& comment : comments) posts.ids.push_back(comment.post_id.value);
    cache::Changes changes{std::move(posts)};
    co_return co_await cache::transact<std::vector<CommentId>>(posts_.database(), coherence_, changes, insert);
}

Task<Result<std::size_t>> Importer::import_reactions(std::vector<ImportedReaction> reactions) {
    auto insert = [&](sql::Transaction& tx) -> Task<Result<std::size_t>> {
        std::size_t made = 0;
        std::map<PostId, CountStore::KindDeltas> deltas;
        std::vector<std::size_t> fresh;
        for (std::size_t i = 0; i < reactions.size(); ++i) {
            const ImportedReaction& input = reactions[i];
            const std::int64_t low_bits = next_reaction_.fetch_add(1, std::memory_order_relaxed) & kLowMask;
            const StoredReaction reaction{input.post_id, input.user_id, first_id_at(input.created_at) | low_bits,
                                          input.kind};
            const bool is_new = co_await reactions_.insert(tx, reaction);
            if (!is_new) continue;
            ++made;
            ++deltas[input.post_id][static_cast<std::size_t>(input.kind)];
            fresh.push_back(i);
        }
        std::unordered_map<PostId, UserId> authors;
        for (const auto& [post, kinds] : deltas) {
            const std::optional<UserId> author = co_await counts_.add(tx, post, kinds, 0);
            if (!author) co_return no_such("post", post.value);
            authors[post] = *author;
        }
        for (const std::size_t i : fresh) {
            const ImportedReaction& input = reactions[i];
            const PostReacted event{input.post_id, authors[input.post_id], input.user_id, input.kind, false};
            co_await outbox_.append(tx, event);
        }
        co_return made;
    };
    cache::Changes changes{{kRecordKind, {}}, {kReactionsKind, {}}};
    for (const ImportedReaction& reaction : reactions) {
        changes[0].ids.push_back(reaction.post_id.value);
        changes[1].ids.push_back(reaction.user_id.value);
    }
    co_return co_await cache::transact<std::size_t>(posts_.database(), coherence_, changes, insert);
}

}  // namespace guildhall::post
