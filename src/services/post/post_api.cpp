#include "services/post/post_api.hpp"

#include "platform/json/write.hpp"

namespace guildhall::post {

// Walks the same description as json::write does for Post, so the two cannot differ; the author's card and the
// reader's reaction are left out where they stand.
PostRecord::PostRecord(StoredPost stored) : post(std::move(stored)) {
    const Post shown{post.key.id,        {},
                     post.text,          post.visibility,
                     post.hashtags,      post.mentions,
                     post.created_at,    post.edited_at,
                     post.version,       post.reactions,
                     post.comment_count, {}};
    std::string* out = &json_before_author;
    char before = '{';
    json::for_each_member(shown, [&](std::string_view name, const auto& member) {
        *out += before;
        before = ',';
        *out += '"';
        *out += name;
        *out += "\":";
        if (name == "author") {
            out = &json_behind_author;
        } else if (name != "my_reaction") {
            json::write(*out, member);
        }
    });
    json_before_author.shrink_to_fit();
    json_behind_author.shrink_to_fit();
}

void PostView::write_json(std::string& out) const {
    out += record->json_before_author;
    json::write(out, *author);
    out += record->json_behind_author;
    json::write(out, my_reaction);
    out += '}';
}

Post PostView::to_post() const {
    const StoredPost& post = record->post;
    return {post.key.id,     *author,        post.text,    post.visibility, post.hashtags,      post.mentions,
            post.created_at, post.edited_at, post.version, post.reactions,  post.comment_count, my_reaction};
}

}  // namespace guildhall::post
