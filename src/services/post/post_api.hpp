#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

#include "platform/cache/local.hpp"
#include "platform/json/constraints.hpp"
#include "services/post/post.hpp"
#include "services/post/public/posts.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::post {

/// A post as anyone who may see it gets it; `my_reaction` is the reader's own.
struct Post {
    PostId id;
    user::Card author;
    std::string text;
    Visibility visibility;
    std::vector<std::string> hashtags;  // case-folded, without "#", in order of appearance
    std::vector<Mention> mentions;
    Time created_at;
    std::optional<Time> edited_at;
    std::int64_t version;
    Reactions reactions;
    std::int64_t comment_count;
    std::optional<ReactionKind> my_reaction;
};
BOOST_DESCRIBE_STRUCT(Post, (),
                      (id, author, text, visibility, hashtags, mentions, created_at, edited_at, version, reactions,
                       comment_count, my_reaction))

/// A post in memory: what decides who sees it, and its JSON written ahead up to the reader's own reaction, with the
/// author's card in it.
struct PostRecord : cache::Retirable {
    /// `card` is null when the author does not exist (any more).
    PostRecord(const StoredPost& stored, user::CardPointer card);

    /// False when the post or its author's card may have changed since.
    bool is_current() const { return Retirable::is_current() && (!author || author->is_current()); }
    /// Bytes in memory, about.
    std::size_t weight() const { return sizeof *this + json.capacity() + mentions.capacity() * sizeof(Mention); }
    /// What other services show of the post; it must not be deleted and its author must exist.
    PostCard card() const;

    PostKey key;
    bool is_deleted;
    Visibility visibility;
    Time created_at;
    user::CardPointer author;
    std::int64_t version;
    std::string json;
    std::vector<Mention> mentions;
    Counts counts;
    std::size_t text_at = 0;  // where the JSON of the text begins, and where it ends
    std::size_t text_end = 0;
    std::size_t mentions_at = 0;  // the same of the mentions
    std::size_t mentions_end = 0;
    std::size_t counts_at = 0;  // where the JSON of the counts begins
};
using PostRecordPointer = std::shared_ptr<const PostRecord>;

/// What is shown of a post to a reader from whom members are hidden.
struct SeenPost {
    std::vector<Mention> mentions;
    Counts counts;
};

/// The answer form of Post: the same JSON, without copying the post.
struct PostView {
    using Schema = Post;
    PostRecordPointer record;
    std::optional<ReactionKind> my_reaction;
    std::int64_t version = 0;
    /// What the reader sees instead of the record's when that is less than everybody does; null otherwise.
    std::shared_ptr<const SeenPost> seen;

    /// Appends the JSON, as json::write does for the Post.
    void write_json(std::string& out) const;
};

/// The body that publishes a post.
struct CreatePost {
    json::Text<1, kMaxPostLength> text;
    std::optional<Visibility> visibility;  // members when absent
};
BOOST_DESCRIBE_STRUCT(CreatePost, (), (text, visibility))

/// The merge patch of a post; what is absent stays.
struct EditPost {
    json::Change<json::Text<1, kMaxPostLength>> text;
    json::Change<Visibility> visibility;
};
BOOST_DESCRIBE_STRUCT(EditPost, (), (text, visibility))

/// The query of a batch.
struct PostsQuery {
    json::IdList<100, PostId> ids;
};
BOOST_DESCRIBE_STRUCT(PostsQuery, (), (ids))

/// The order of a feed.
enum class FeedSort { newest };
BOOST_DESCRIBE_ENUM(FeedSort, newest)

/// The query of the feed; newest first when `sort` is absent.
struct FeedQuery : json::PageQuery {
    std::optional<FeedSort> sort;
};
BOOST_DESCRIBE_STRUCT(FeedQuery, (json::PageQuery), (sort))

/// The body that sets a reaction.
struct SetReaction {
    ReactionKind kind;
};
BOOST_DESCRIBE_STRUCT(SetReaction, (), (kind))

/// The query of who reacted; of all kinds when `kind` is absent.
struct ReactionsQuery : json::PageQuery {
    std::optional<ReactionKind> kind;
};
BOOST_DESCRIBE_STRUCT(ReactionsQuery, (json::PageQuery), (kind))

/// Who reacted to a post. `degree`: see connection::Relationship.
struct Reaction {
    user::Card user;
    ReactionKind kind;
    Time created_at;
    std::optional<int> degree;
};
BOOST_DESCRIBE_STRUCT(Reaction, (), (user, kind, created_at, degree))

/// What a member reacted to.
struct ReactionActivity {
    PostView post;
    ReactionKind kind;
    Time created_at;
};
BOOST_DESCRIBE_STRUCT(ReactionActivity, (), (post, kind, created_at))

/// The body that comments a post, or replies to a comment of it.
struct CreateComment {
    json::Text<1, kMaxCommentLength> text;
    std::optional<CommentId> parent_id;
};
BOOST_DESCRIBE_STRUCT(CreateComment, (), (text, parent_id))

/// The body that changes a comment's text.
struct EditComment {
    json::Text<1, kMaxCommentLength> text;
};
BOOST_DESCRIBE_STRUCT(EditComment, (), (text))

/// The order of comments.
enum class CommentSort { recent, oldest };
BOOST_DESCRIBE_ENUM(CommentSort, recent, oldest)

/// The query of comments and of replies.
struct CommentsQuery : json::PageQuery {
    std::optional<CommentSort> sort;  // absent: comments recent first, replies oldest first
};
BOOST_DESCRIBE_STRUCT(CommentsQuery, (json::PageQuery), (sort))

/// A comment. A deleted one that has replies is shown without author, text and mentions. `parent_id` is absent for a
/// comment of the post itself, and when the reader may not see the parent.
struct Comment {
    CommentId id;
    PostId post_id;
    std::optional<CommentId> parent_id;
    std::optional<user::Card> author;
    std::optional<int> degree;  // the author's, see connection::Relationship
    std::string text;
    std::vector<Mention> mentions;
    Time created_at;
    std::optional<Time> edited_at;
    std::int64_t version;
    std::int64_t reply_count;
    bool is_deleted;
};
BOOST_DESCRIBE_STRUCT(Comment, (),
                      (id, post_id, parent_id, author, degree, text, mentions, created_at, edited_at, version,
                       reply_count, is_deleted))

}  // namespace guildhall::post
