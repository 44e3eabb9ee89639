#include "services/connection/mutual.hpp"

#include <algorithm>
#include <iterator>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace guildhall::connection {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Ids ids_of(std::initializer_list<std::int64_t> values) {
    Ids ids;
    for (const auto value : values) ids.push_back(UserId{value});
    return ids;
}

Ids random_ids(std::mt19937& random, std::size_t count, std::int64_t most) {
    std::set<UserId> ids;
    while (ids.size() < count)
        ids.insert(UserId{1 + static_cast<std::int64_t>(random() % static_cast<unsigned>(most))});
    return {ids.begin(), ids.end()};
}

TEST(Mutual, OfListsWithoutCommonIdsIsEmpty) {
    EXPECT_THAT(common({}, {}, {}), IsEmpty());
    EXPECT_THAT(common(ids_of({1, 2}), {}, {}), IsEmpty());
    EXPECT_THAT(common(ids_of({1, 3, 5}), ids_of({2, 4, 6}), {}), IsEmpty());
}

TEST(Mutual, LeavesHiddenMembersOut) {
    const user::UserSet hidden{UserId{3}, UserId{9}};
    EXPECT_THAT(common(ids_of({1, 3, 5}), ids_of({1, 3, 5, 9}), hidden), ElementsAre(UserId{1}, UserId{5}));
}

// [C13]
TEST(Mutual, EqualsTheSetIntersectionForListsOfAnySizes) {
    std::mt19937 random(42);
    for (int round = 0; round < 2000; ++round) {
        const bool is_skewed = round % 2 == 0;
        const Ids a = random_ids(random, random() % 20, 400);
        const Ids b = random_ids(random, is_skewed ? 200 + random() % 150 : random() % 20, 400);
        const Ids out = random_ids(random, random() % 10, 400);
        const user::UserSet hidden(out.begin(), out.end());
        Ids expected;
        std::ranges::set_intersection(a, b, std::back_inserter(expected));
        std::erase_if(expected, [&](UserId id) { return hidden.contains(id); });
        EXPECT_EQ(common(a, b, hidden), expected);
        EXPECT_EQ(common(b, a, hidden), expected);
    }
}

TEST(Network, ContainsFindsExactlyWhatIsInTheList) {
    const Ids ids = ids_of({2, 5, 9});
    for (std::int64_t id = 0; id < 12; ++id) EXPECT_EQ(contains(ids, UserId{id}), id == 2 || id == 5 || id == 9);
    EXPECT_FALSE(contains({}, UserId{1}));
}

}  // namespace
}  // namespace guildhall::connection
