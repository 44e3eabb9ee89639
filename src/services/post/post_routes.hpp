#pragma once

#include "platform/http/router.hpp"
#include "services/post/comment_service.hpp"
#include "services/post/post_service.hpp"
#include "services/post/reaction_service.hpp"

namespace guildhall::post {

/// What the routes call.
struct Routed {
    PostService* posts = nullptr;
    ReactionService* reactions = nullptr;
    CommentService* comments = nullptr;
};

/// Binds the public routes of this service; with nothing given it only describes them.
void add_routes(http::Router& router, Routed to = {});

}  // namespace guildhall::post
