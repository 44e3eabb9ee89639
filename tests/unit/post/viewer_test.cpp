#include "services/post/viewer.hpp"

#include <gtest/gtest.h>

namespace guildhall::post {
namespace {

constexpr UserId kAuthor{10};

Viewer viewer(UserId id, user::UserSet hidden, connection::Ids connections) {
    const auto ids = std::make_shared<const connection::Ids>(std::move(connections));
    return {id, std::make_shared<const user::UserSet>(std::move(hidden)), {ids, ids}};
}

// How many of the three visibilities a viewer sees; they are ordered, so the count says which.
int seen_by(const Viewer& viewer) {
    int count = 0;
    for (const Visibility visibility : {Visibility::everyone, Visibility::members, Visibility::connections})
        count += viewer.may_see(kAuthor, visibility) ? 1 : 0;
    return count;
}

// [P13] [P44]
TEST(Viewer, SeesWhatItsAudienceMaySee) {
    EXPECT_EQ(seen_by(Viewer()), 1);
    EXPECT_EQ(seen_by(viewer(UserId{1}, {}, {UserId{5}})), 2);
    EXPECT_EQ(seen_by(viewer(UserId{1}, {}, {UserId{5}, kAuthor, UserId{11}})), 3);
    EXPECT_EQ(seen_by(viewer(kAuthor, {}, {})), 3);
}

// [P44]
TEST(Viewer, SeesNothingOfAHiddenMemberEvenIfConnected) {
    const Viewer blocked = viewer(UserId{1}, {kAuthor}, {kAuthor});
    EXPECT_EQ(seen_by(blocked), 0);
    EXPECT_EQ(blocked.audience_of(kAuthor), std::nullopt);
}

}  // namespace
}  // namespace guildhall::post
