#include "services/post/public/posts_client.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "services/post/public/internal_api.hpp"

namespace guildhall::post {

Task<std::vector<PostCardPointer>> PostsClient::cards(UserId viewer, std::vector<PostId> ids) {
    std::vector<PostCardPointer> found(ids.size());
    PostsQuestion question;
    auto& asked = question.ids.items;
    for (const PostId id : ids)
        if (id) asked.push_back(id);
    if (asked.empty()) co_return found;
    std::ranges::sort(asked);
    asked.erase(std::ranges::unique(asked).begin(), asked.end());
    auto answer = co_await service_.ask<PostsAnswer>("cards", viewer, question);
    for (PostCard& given : answer.cards) {
        const auto card = std::make_shared<const PostCard>(std::move(given));
        for (std::size_t i = 0; i < ids.size(); ++i)
            if (ids[i] == card->id) found[i] = card;
    }
    co_return found;
}

}  // namespace guildhall::post
