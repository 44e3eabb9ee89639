#include "services/post/post_api.hpp"

#include <string_view>
#include <utility>

#include "platform/json/write.hpp"

namespace guildhall::post {

// Walks the same description as json::write does for Post, so the two cannot differ; the reader's reaction is left out
// where it stands, at the end.
PostRecord::PostRecord(const StoredPost& stored, user::CardPointer card)
    : key(stored.key),
      is_deleted(stored.is_deleted),
      visibility(stored.visibility),
      author(std::move(card)),
      version(stored.version),
      counts(stored.counts),
      counts_at(0) {
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
        if (name != "my_reaction") json::write(json, member);
    });
    json.shrink_to_fit();
}

void PostView::write_json(std::string& out) const {
    if (!seen_counts) {
        out += record->json;
    } else {
        out.append(record->json, 0, record->counts_at);
        out += ",\"reactions\":";
        json::write(out, seen_counts->reactions);
        out += ",\"comment_count\":";
        json::write(out, seen_counts->comment_count);
        out += ",\"my_reaction\":";
    }
    json::write(out, my_reaction);
    out += '}';
}

}  // namespace guildhall::post
