#include "services/user/post_office.hpp"

#include <algorithm>
#include <utility>

#include "platform/base/log.hpp"

namespace guildhall::user {
namespace {

// A process that writes or claims a mail has this long to send it before another replica tries.
constexpr std::chrono::seconds kClaim{60};
constexpr int kMailsInTurn = 20;

/// 1, 2, 4 … minutes, at most an hour: a mail server that is down is not hammered.
std::chrono::seconds next_try_in(std::int64_t tries) {
    return std::min(kClaim * (std::int64_t{1} << std::min<std::int64_t>(tries, 6)), std::chrono::seconds(3600));
}

}  // namespace

PostOffice::PostOffice(const service::Base& base, UserStore& store, mail::Mailer& mailer)
    : database_(base.database), store_(store), mailer_(mailer), clock_(base.clock), ids_(base.ids) {}

StoredMail PostOffice::address(mail::Message message, std::chrono::seconds lifetime) {
    const Time now = clock_.now();
    return {ids_.next<MailId>(), std::move(message.to), std::move(message.subject), std::move(message.text), 1,
            now + kClaim,        now + lifetime};
}

Task<void> PostOffice::write(sql::Transaction& tx, StoredMail mail) { return store_.insert_mail(tx, std::move(mail)); }

Task<void> PostOffice::send_now(StoredMail mail) {
    const bool is_sent = co_await deliver(mail);
    if (!is_sent) co_return;
    try {
        co_await remove(mail.id);
    } catch (const Unavailable& error) {
        spdlog::warn("mail {} was sent and may be sent again: {}", mail.id.value, error.what());
    }
}

Task<void> PostOffice::send_due() {
    const Time now = clock_.now();
    const auto due = co_await store_.list_due_mails(now, kMailsInTurn);
    for (const auto& mail : due) {
        if (mail.expires_at <= now) {
            spdlog::warn("mail {} was not sent in time after {} tries", mail.id.value, mail.tries);
            co_await remove(mail.id);
            continue;
        }
        auto body = [&](sql::Transaction& tx) -> Task<Result<bool>> {
            co_return co_await store_.claim_mail(tx, mail, now + next_try_in(mail.tries));
        };
        const auto is_claimed = co_await database_.transact<bool>(body);
        if (!is_claimed || !*is_claimed) continue;
        const bool is_sent = co_await deliver(mail);
        if (is_sent) co_await remove(mail.id);
    }
}

Task<bool> PostOffice::deliver(const StoredMail& mail) {
    try {
        co_await mailer_.send({mail.recipient, mail.subject, mail.body});
        co_return true;
    } catch (const std::exception& error) {
        spdlog::warn("mail {} could not be sent: {}", mail.id.value, error.what());
    }
    co_return false;
}

Task<void> PostOffice::remove(MailId mail) {
    auto body = [&](sql::Transaction& tx) -> Task<Result<void>> {
        co_await store_.remove_mail(tx, mail);
        co_return Result<void>{};
    };
    const auto done = co_await database_.transact<void>(body);
    if (!done) throw Unavailable(done.error().detail);
}

}  // namespace guildhall::user
