#pragma once

#include <vector>

#include "platform/http/service_client.hpp"
#include "services/post/public/posts.hpp"

namespace guildhall::post {

/// The Posts of another process, which decides at each call what the viewer may see now: nothing is kept here.
/// Thread-safe.
class PostsClient final : public Posts {
public:
    explicit PostsClient(http::ServiceClient service) : service_(std::move(service)) {}

    Task<std::vector<PostCardPointer>> cards(UserId viewer, std::vector<PostId> ids) override;

private:
    http::ServiceClient service_;
};

}  // namespace guildhall::post
