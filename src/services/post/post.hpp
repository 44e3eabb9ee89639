#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

#include "services/post/public/types.hpp"

namespace guildhall::post {

inline constexpr std::size_t kMaxPostLength = 3000;  // code points, as of all texts
inline constexpr std::size_t kMaxCommentLength = 1250;
inline constexpr std::size_t kMaxHashtags = 30;
inline constexpr std::size_t kMaxMentions = 30;
/// Replies of replies: a reply to a comment this deep becomes its sibling.
inline constexpr std::int64_t kMaxCommentDepth = 8;

/// A member named in a text: `start` and `length` count code points and include the "@".
struct Mention {
    UserId user_id;
    std::string handle;
    std::int64_t start;
    std::int64_t length;
    friend bool operator==(const Mention&, const Mention&) = default;
};
BOOST_DESCRIBE_STRUCT(Mention, (), (user_id, handle, start, length))

/// How many members reacted to a post, by kind.
struct Reactions {
    std::int64_t total = 0;
    std::int64_t like = 0;
    std::int64_t celebrate = 0;
    std::int64_t support = 0;
    std::int64_t love = 0;
    std::int64_t insightful = 0;
    std::int64_t funny = 0;
    friend bool operator==(const Reactions&, const Reactions&) = default;
};
BOOST_DESCRIBE_STRUCT(Reactions, (), (total, like, celebrate, support, love, insightful, funny))

/// What readers see counted of a post.
struct Counts {
    Reactions reactions;
    std::int64_t comment_count = 0;
};

/// Which post, and whose: both are needed to find its row.
struct PostKey {
    PostId id;
    UserId author_id;
    friend bool operator==(const PostKey&, const PostKey&) = default;
};

/// A post as it is stored, with its counters. A tombstone (`is_deleted`) has no text, hashtags, mentions or counts.
struct StoredPost {
    PostKey key;
    std::string text;
    Visibility visibility{};
    std::vector<std::string> hashtags;
    std::vector<Mention> mentions;
    Time created_at;
    std::optional<Time> edited_at;
    std::int64_t version = 1;
    bool is_deleted = false;
    Counts counts;
};

/// A comment as it is stored. `parent_id` 0: of the post itself. A tombstone (`is_deleted`) has no text and no
/// mentions.
struct StoredComment {
    CommentId id;
    PostId post_id;
    CommentId parent_id;
    std::int64_t depth = 0;
    UserId author_id;
    std::string text;
    std::vector<Mention> mentions;
    Time created_at;
    std::optional<Time> edited_at;
    std::int64_t version = 1;
    std::int64_t reply_count = 0;
    bool is_deleted = false;
};

/// A member's reaction. `id` is time-ordered: it tells when the member first reacted, and orders lists.
struct StoredReaction {
    PostId post_id;
    UserId user_id;
    std::int64_t id = 0;
    ReactionKind kind{};
};

}  // namespace guildhall::post
