#include "services/post/post_routes.hpp"

namespace guildhall::post {
namespace {

constexpr const char* kAbsent = "It does not exist, or it is hidden from the caller.";
constexpr const char* kDeleted = "The post was deleted, and the caller could see it before.";
constexpr const char* kOnlyAuthor = "The caller is not the author.";
constexpr const char* kOtherVersion = "If-Match names another version.";

}  // namespace

void add_routes(http::Router& r, Routed to) {
    const auto& [posts, reactions, comments] = to;

    r.post("/v1/posts", posts, &PostService::create).signed_in().idempotent().summary("Publish a post");
    r.get("/v1/posts", posts, &PostService::list_by_ids)
        .anyone()
        .summary("Read up to 100 posts by their ids; those that the caller may not see are left out");
    r.get("/v1/posts/{post_id}", posts, &PostService::find)
        .anyone()
        .etag()
        .summary("Read a post")
        .may_fail(Code::not_found, kAbsent)
        .may_fail(Code::gone, kDeleted);
    r.patch("/v1/posts/{post_id}", posts, &PostService::edit)
        .signed_in()
        .if_match()
        .summary("Change the text or the audience of a post of one's own")
        .may_fail(Code::forbidden, kOnlyAuthor)
        .may_fail(Code::not_found, kAbsent)
        .may_fail(Code::gone, kDeleted)
        .may_fail(Code::precondition_failed, kOtherVersion);
    r.remove("/v1/posts/{post_id}", posts, &PostService::remove)
        .signed_in()
        .if_match()
        .summary("Delete a post of one's own, with its comments and reactions")
        .may_fail(Code::forbidden, kOnlyAuthor)
        .may_fail(Code::not_found, kAbsent)
        .may_fail(Code::gone, kDeleted)
        .may_fail(Code::precondition_failed, kOtherVersion);

    r.get("/v1/feed", posts, &PostService::feed)
        .signed_in()
        .etag()
        .named("listFeedPosts")
        .summary("The posts of one's own and of one's connections, newest first");
    r.get("/v1/hashtags/{tag}/posts", posts, &PostService::list_by_hashtag)
        .anyone()
        .summary("The posts with a hashtag, newest first");
    r.get("/v1/users/{user_id}/posts", posts, &PostService::list_by_author)
        .anyone()
        .summary("A member's posts, newest first")
        .may_fail(Code::not_found, kAbsent);
    r.get("/v1/users/{user_id}/comments", comments, &CommentService::list_by_user)
        .signed_in()
        .summary("A member's comments, newest first")
        .may_fail(Code::not_found, kAbsent);
    r.get("/v1/users/{user_id}/reactions", reactions, &ReactionService::list_by_user)
        .signed_in()
        .summary("What a member reacted to, newest reaction first")
        .may_fail(Code::not_found, kAbsent);

    r.put("/v1/posts/{post_id}/reaction", reactions, &ReactionService::set)
        .signed_in()
        .summary("React to a post, or change the kind of the reaction")
        .may_fail(Code::not_found, kAbsent)
        .may_fail(Code::gone, kDeleted);
    r.remove("/v1/posts/{post_id}/reaction", reactions, &ReactionService::remove)
        .signed_in()
        .summary("Take the reaction to a post back")
        .may_fail(Code::not_found, kAbsent)
        .may_fail(Code::gone, kDeleted);
    r.get("/v1/posts/{post_id}/reactions", reactions, &ReactionService::list)
        .anyone()
        .summary("Who reacted to a post, newest first")
        .may_fail(Code::not_found, kAbsent)
        .may_fail(Code::gone, kDeleted);

    r.post("/v1/posts/{post_id}/comments", comments, &CommentService::create)
        .signed_in()
        .idempotent()
        .summary("Comment a post, or reply to a comment")
        .may_fail(Code::not_found, kAbsent)
        .may_fail(Code::gone, kDeleted)
        .may_fail(Code::unprocessable, "The comment that is replied to is none of this post.");
    r.get("/v1/posts/{post_id}/comments", comments, &CommentService::list)
        .anyone()
        .summary("The comments of a post, without replies; recent first unless asked otherwise")
        .may_fail(Code::not_found, kAbsent)
        .may_fail(Code::gone, kDeleted);
    r.get("/v1/comments/{comment_id}", comments, &CommentService::find)
        .anyone()
        .etag()
        .summary("Read a comment")
        .may_fail(Code::not_found, kAbsent)
        .may_fail(Code::gone, "The comment was deleted.");
    r.get("/v1/comments/{comment_id}/replies", comments, &CommentService::list_replies)
        .anyone()
        .summary("The replies to a comment, oldest first unless asked otherwise")
        .may_fail(Code::not_found, kAbsent);
    r.patch("/v1/comments/{comment_id}", comments, &CommentService::edit)
        .signed_in()
        .if_match()
        .summary("Change the text of a comment of one's own")
        .may_fail(Code::forbidden, kOnlyAuthor)
        .may_fail(Code::not_found, kAbsent)
        .may_fail(Code::gone, "The comment was deleted.")
        .may_fail(Code::precondition_failed, kOtherVersion);
    r.remove("/v1/comments/{comment_id}", comments, &CommentService::remove)
        .signed_in()
        .summary("Delete a comment of one's own, or one below a post of one's own; its replies stay")
        .may_fail(Code::forbidden, "The caller is neither the author of the comment nor of the post.")
        .may_fail(Code::not_found, kAbsent)
        .may_fail(Code::gone, "The comment was deleted.");
}

}  // namespace guildhall::post
