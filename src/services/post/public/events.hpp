#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <boost/describe/class.hpp>

#include "services/post/public/types.hpp"

namespace guildhall::post {

// Of the author's posts: the ordering key is the author.

/// `author_id` published a post. Its text is asked of `Posts`, so that an event never holds what is deleted later.
struct PostCreated {
    static constexpr std::string_view kType = "post.created.v1";
    UserId author_id;
    PostId post_id;
    Visibility visibility;
    std::vector<UserId> mentioned_ids;
    std::int64_t subject() const { return author_id.value; }
};
BOOST_DESCRIBE_STRUCT(PostCreated, (), (author_id, post_id, visibility, mentioned_ids))

/// The author changed the text; `mentioned_ids` are those who were not mentioned before.
struct PostEdited {
    static constexpr std::string_view kType = "post.edited.v1";
    UserId author_id;
    PostId post_id;
    std::vector<UserId> mentioned_ids;
    std::int64_t subject() const { return author_id.value; }
};
BOOST_DESCRIBE_STRUCT(PostEdited, (), (author_id, post_id, mentioned_ids))

/// The author changed who may see the post.
struct PostVisibilityChanged {
    static constexpr std::string_view kType = "post.visibility_changed.v1";
    UserId author_id;
    PostId post_id;
    Visibility visibility;
    std::int64_t subject() const { return author_id.value; }
};
BOOST_DESCRIBE_STRUCT(PostVisibilityChanged, (), (author_id, post_id, visibility))

/// The post is gone with its comments and reactions.
struct PostDeleted {
    static constexpr std::string_view kType = "post.deleted.v1";
    UserId author_id;
    PostId post_id;
    std::int64_t subject() const { return author_id.value; }
};
BOOST_DESCRIBE_STRUCT(PostDeleted, (), (author_id, post_id))

// Of what others do with a post: the ordering key is the post.

/// `user_id` reacted, or changed the kind of the reaction.
struct PostReacted {
    static constexpr std::string_view kType = "post.reacted.v1";
    PostId post_id;
    UserId author_id;  // of the post
    UserId user_id;
    ReactionKind kind;
    bool is_change;
    std::int64_t subject() const { return post_id.value; }
};
BOOST_DESCRIBE_STRUCT(PostReacted, (), (post_id, author_id, user_id, kind, is_change))

/// `user_id` took the reaction back.
struct ReactionRemoved {
    static constexpr std::string_view kType = "post.reaction_removed.v1";
    PostId post_id;
    UserId author_id;
    UserId user_id;
    std::int64_t subject() const { return post_id.value; }
};
BOOST_DESCRIBE_STRUCT(ReactionRemoved, (), (post_id, author_id, user_id))

/// `user_id` commented the post, or replied to a comment of `parent_author_id`.
struct PostCommented {
    static constexpr std::string_view kType = "post.commented.v1";
    PostId post_id;
    UserId author_id;
    CommentId comment_id;
    UserId user_id;
    std::optional<CommentId> parent_id;
    std::optional<UserId> parent_author_id;
    std::vector<UserId> mentioned_ids;
    std::int64_t subject() const { return post_id.value; }
};
BOOST_DESCRIBE_STRUCT(PostCommented, (),
                      (post_id, author_id, comment_id, user_id, parent_id, parent_author_id, mentioned_ids))

/// A comment's author changed its text; `mentioned_ids` are those who were not mentioned before.
struct CommentEdited {
    static constexpr std::string_view kType = "comment.edited.v1";
    PostId post_id;
    CommentId comment_id;
    UserId user_id;
    std::vector<UserId> mentioned_ids;
    std::int64_t subject() const { return post_id.value; }
};
BOOST_DESCRIBE_STRUCT(CommentEdited, (), (post_id, comment_id, user_id, mentioned_ids))

/// A comment of `user_id` was deleted by `remover_id`: its author, or the author of the post.
struct CommentDeleted {
    static constexpr std::string_view kType = "comment.deleted.v1";
    PostId post_id;
    CommentId comment_id;
    UserId user_id;
    UserId remover_id;
    std::int64_t subject() const { return post_id.value; }
};
BOOST_DESCRIBE_STRUCT(CommentDeleted, (), (post_id, comment_id, user_id, remover_id))

}  // namespace guildhall::post
