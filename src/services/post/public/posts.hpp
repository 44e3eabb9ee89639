#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

#include "platform/async/task.hpp"
#include "services/post/public/types.hpp"

namespace guildhall::post {

/// What another service shows of a post: in a notification, a message, a search result.
struct PostCard {
    PostId id;
    UserId author_id;
    Visibility visibility;
    Time created_at;
    std::string excerpt;  // the first 200 code points of the text
};
BOOST_DESCRIBE_STRUCT(PostCard, (), (id, author_id, visibility, created_at, excerpt))

using PostCardPointer = std::shared_ptr<const PostCard>;

/// What other services may ask of the post service. Answers come from memory when they are warm. Thread-safe.
class Posts {
public:
    virtual ~Posts() = default;

    /// The cards of up to 100 posts, in the order of `ids`; null for one that does not exist or that `viewer` may not
    /// see now. A viewer of 0 is somebody who is not signed in.
    virtual Task<std::vector<PostCardPointer>> cards(UserId viewer, std::vector<PostId> ids) = 0;
};

}  // namespace guildhall::post
