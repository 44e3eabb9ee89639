#include "platform/cache/presence.hpp"

#include <algorithm>
#include <cassert>
#include <span>

namespace guildhall::cache {

Task<void> Presence::renew(std::vector<UserId> members) {
    for (std::span<const UserId> rest = members; !rest.empty();) {
        const auto batch = rest.first(std::min(rest.size(), kMaxAtOnce));
        rest = rest.subspan(batch.size());
        std::vector<Cache::Entry> entries;
        entries.reserve(batch.size());
        for (const UserId member : batch) entries.push_back({key_of(member), "1"});
        co_await cache_.set_all(std::move(entries), ttl_);
    }
}

Task<std::vector<bool>> Presence::online(std::vector<UserId> members) {
    assert(members.size() <= kMaxAtOnce);
    std::vector<std::string> keys;
    keys.reserve(members.size());
    for (const UserId member : members) keys.push_back(key_of(member));
    const auto found = co_await cache_.get_all(std::move(keys));
    std::vector<bool> answers;
    answers.reserve(found.size());
    for (const auto& value : found) answers.push_back(value.has_value());
    co_return answers;
}

}  // namespace guildhall::cache
