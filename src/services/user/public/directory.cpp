#include "services/user/public/directory.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace guildhall::user {
namespace {

constexpr std::ptrdiff_t kCardsInQuestion = 500;

}  // namespace

Error no_such_member() { return {Code::not_found, "there is no such member"}; }

Task<std::vector<CardPointer>> Directory::cards_of_all(std::vector<UserId> ids) {
    if (std::ssize(ids) <= kCardsInQuestion) co_return co_await cards(std::move(ids));
    std::vector<CardPointer> all;
    all.reserve(ids.size());
    for (auto first = ids.begin(); first != ids.end();) {
        const auto count = std::min(ids.end() - first, kCardsInQuestion);
        std::ranges::move(co_await cards({first, first + count}), std::back_inserter(all));
        first += count;
    }
    co_return all;
}

Task<bool> Directory::is_hidden(UserId viewer, UserId user) {
    const auto hidden = co_await hidden_from(viewer);
    co_return hidden->contains(user);
}

Task<bool> Directory::exists_for(UserId viewer, UserId user) {
    if (co_await is_hidden(viewer, user)) user = kNoMember;
    co_return co_await exists(user);
}

}  // namespace guildhall::user
