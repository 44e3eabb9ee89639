#include "services/user/mailed_codes.hpp"

#include <algorithm>
#include <utility>

#include "services/user/secrets.hpp"

namespace guildhall::user {
namespace {

constexpr std::chrono::seconds kFirstPause{60};

}  // namespace

MailedCodes::MailedCodes(RecoveryStore& store, PostOffice& post_office, const Clock& clock, std::chrono::seconds ttl)
    : store_(store), post_office_(post_office), clock_(clock), ttl_(ttl) {}

Task<void> MailedCodes::mail(sql::Transaction& tx, std::string email, CodePurpose purpose, Compose compose) {
    // Shorter than the life of a code: who asks during a pause still has a third of it to use the last one.
    const std::chrono::seconds longest = ttl_ * 2 / 3;
    const CodePause pause{std::min(kFirstPause, longest), longest};
    const Time now = clock_.now();
    const bool is_due = co_await store_.take_turn(tx, email, purpose, pause, now);
    if (!is_due) co_return;
    const std::string code = make_code();
    co_await store_.insert_code(tx, email, purpose, hash_of_code(email, code), now + ttl_);
    auto message = compose(code);
    co_await post_office_.write(tx, std::move(message), ttl_);
}

Task<bool> MailedCodes::redeem(sql::Transaction& tx, std::string email, CodePurpose purpose, std::string typed) {
    std::string hash = hash_of_code(email, typed);
    return store_.redeem_code(tx, std::move(email), purpose, std::move(hash), clock_.now());
}

// Not 401: that is about the token of the request alone.
Error invalid_code() { return Error{Code::unprocessable, "the code is wrong or has expired", "invalid_code"}; }

}  // namespace guildhall::user
