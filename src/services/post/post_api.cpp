#include "services/post/post_api.hpp"

#include <cassert>
#include <string_view>
#include <utility>

#include "platform/base/text.hpp"
#include "platform/json/read.hpp"
#include "platform/json/write.hpp"

namespace guildhall::post {
namespace {

constexpr std::size_t kExcerptLength = 200;

std::string excerpt_of(std::string_view text) {
    std::size_t end = 0;
    for (std::size_t count = 0; count < kExcerptLength && end < text.size(); ++count) next_code_point(text, end);
    return std::string(text.substr(0, end));
}

}  // namespace

// Walks the same description as json::write does for Post, so the two cannot differ; the reader's reaction is left out
// where it stands, at the end.
PostRecord::PostRecord(const StoredPost& stored, user::CardPointer card)
    : key(stored.key),
      is_deleted(stored.is_deleted),
      visibility(stored.visibility),
      created_at(stored.created_at),
      author(std::move(card)),
      version(stored.version),
      mentions(stored.mentions),
      counts(stored.counts) {
    if (is_deleted || !author) return;
    const Post shown{key.id,          *author,          stored.text,          visibility,
                     stored.hashtags, stored.mentions,  stored.created_at,    stored.edited_at,
                     version,         counts.reactions, counts.comment_count, {}};
    char before = '{';
    json::for_each_member(shown, [&](std::string_view name, const auto& member) {
        if (name == "reactions") counts_at = json.size();
        json += before;
        before = ',';
        json += '"';
        json += name;
        json += "\":";
        if (name == "text") text_at = json.size();
        if (name == "mentions") mentions_at = json.size();
        if (name != "my_reaction") json::write(json, member);
        if (name == "text") text_end = json.size();
        if (name == "mentions") mentions_end = json.size();
    });
    json.shrink_to_fit();
}

PostCard PostRecord::card() const {
    // The text is in memory only once, in the JSON.
    const auto text = json::from_json<std::string>(std::string_view(json).substr(text_at, text_end - text_at));
    assert(text);
    return {key.id, key.author_id, visibility, created_at, excerpt_of(*text)};
}

void PostView::write_json(std::string& out) const {
    if (!seen) {
        out += record->json;
    } else {
        out.append(record->json, 0, record->mentions_at);
        json::write(out, seen->mentions);
        out.append(record->json, record->mentions_end, record->counts_at - record->mentions_end);
        out += ",\"reactions\":";
        json::write(out, seen->counts.reactions);
        out += ",\"comment_count\":";
        json::write(out, seen->counts.comment_count);
        out += ",\"my_reaction\":";
    }
    json::write(out, my_reaction);
    out += '}';
}

}  // namespace guildhall::post
