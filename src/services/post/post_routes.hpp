#pragma once

#include "platform/http/router.hpp"
#include "services/post/comment_service.hpp"
#include "services/post/post_service.hpp"
#include "services/post/reaction_service.hpp"

namespace guildhall::post {

/// Adds the routes of posts, reactions and comments. `keys` keeps the idempotency keys.
void add_post_routes(http::Router& router, PostService& posts, ReactionService& reactions, CommentService& comments,
                     sql::Database& keys);

}  // namespace guildhall::post
