#pragma once

#include <vector>

#include <boost/describe/class.hpp>

#include "platform/json/constraints.hpp"
#include "services/post/public/posts.hpp"

namespace guildhall::post {

// The contract between this service's internal routes and their clients: members are added, never changed or taken
// away.

/// POST /internal/v1/post/cards, for the token's subject.
struct PostsQuestion {
    json::AtMost<100, PostId> ids;
};
BOOST_DESCRIBE_STRUCT(PostsQuestion, (), (ids))

/// The cards of those that the subject may see, in no order.
struct PostsAnswer {
    std::vector<PostCard> cards;
};
BOOST_DESCRIBE_STRUCT(PostsAnswer, (), (cards))

}  // namespace guildhall::post
