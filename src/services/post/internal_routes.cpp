#include "services/post/internal_routes.hpp"

#include <utility>

namespace guildhall::post {

Task<Result<PostsAnswer>> InternalApi::cards(http::Visitor viewer, PostsQuestion question) {
    const auto found = co_await posts_.cards(viewer.id, std::move(question.ids.items));
    PostsAnswer answer;
    for (const PostCardPointer& card : found)
        if (card) answer.cards.push_back(*card);
    co_return answer;
}

void add_internal_routes(http::Router& router, InternalApi& api, const http::InternalTokens& tokens) {
    router.post("/internal/v1/post/cards", &api, &InternalApi::cards).internal(tokens);
}

}  // namespace guildhall::post
