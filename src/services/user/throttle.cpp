#include "services/user/throttle.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "platform/base/ip_address.hpp"
#include "platform/base/text.hpp"

namespace guildhall::user {
namespace {

std::string key_of(std::string_view what, std::string_view kind, std::string_view whose) {
    std::string key = "user.throttle.";
    key += what;
    key += '.';
    key += kind;
    key += ':';
    key += base64url(sha256(whose)).substr(0, 24);
    return key;
}

std::string lock_of(const std::string& key) { return key + ".until"; }

Error too_many(std::chrono::microseconds wait) {
    return Error{Code::too_many_requests,
                 "too many attempts; try again later",
                 "",
                 {},
                 std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(wait))};
}

}  // namespace

std::string network_of(std::string_view ip) {
    const auto address = IpAddress::parse(ip);
    return address ? address->subscriber().text() : std::string(ip);
}

Throttle::Subject Throttle::account(std::string_view what, std::string_view account, FailureLimit limit) {
    return {key_of(what, "account", account), limit};
}

Throttle::Subject Throttle::address(std::string_view what, std::string_view ip, FailureLimit limit) {
    return {key_of(what, "network", network_of(ip)), limit};
}

std::vector<Throttle::Subject> Throttle::subjects(std::string_view what, std::string_view account, std::string_view ip,
                                                  const AttemptLimits& limits) {
    std::vector<Subject> subjects{Throttle::account(what, account, limits.account)};
    if (!ip.empty()) subjects.push_back(address(what, ip, limits.address));
    return subjects;
}

Task<Result<Throttle::Attempt>> Throttle::begin(std::vector<Subject> subjects) {
    std::vector<std::string> locks;
    locks.reserve(subjects.size());
    for (const auto& subject : subjects) locks.push_back(lock_of(subject.key));
    const auto locked = co_await cache_.get_all(std::move(locks));
    const std::int64_t now = to_micros(clock_.now());
    for (const auto& text : locked) {
        std::int64_t until = 0;
        if (text) std::from_chars(text->data(), text->data() + text->size(), until);
        if (until > now) co_return too_many(std::chrono::microseconds(until - now));
    }
    for (std::size_t i = 0; i < subjects.size(); ++i) {
        auto& subject = subjects[i];
        const auto count = co_await cache_.add(subject.key, 1, subject.limit.window);
        subject.count = count.value_or(0);
        if (subject.count <= subject.limit.most) continue;
        // Others are under way that have used up the limit. What is not tried does not count.
        for (std::size_t k = 0; k <= i; ++k) co_await cache_.add(subjects[k].key, -1, subjects[k].limit.window);
        co_return too_many(subject.limit.cool_down);
    }
    co_return Attempt{std::move(subjects)};
}

Task<void> Throttle::clear(Attempt attempt) {
    for (std::size_t i = 0; i < attempt.subjects.size(); ++i) {
        auto& subject = attempt.subjects[i];
        if (i == 0) {
            co_await cache_.erase(subject.key);
        } else {
            co_await cache_.add(subject.key, -1, subject.limit.window);
        }
    }
}

Task<void> Throttle::keep(Attempt attempt) {
    for (auto& subject : attempt.subjects) {
        if (subject.count < subject.limit.most) continue;
        const Time until = clock_.now() + subject.limit.cool_down;
        co_await cache_.set(lock_of(subject.key), std::to_string(to_micros(until)), subject.limit.cool_down);
        co_await cache_.erase(subject.key);
    }
}

Task<void> Throttle::undo(Attempt attempt) {
    for (auto& subject : attempt.subjects) co_await cache_.add(subject.key, -1, subject.limit.window);
}

}  // namespace guildhall::user
