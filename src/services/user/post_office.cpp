#include "services/user/post_office.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "platform/async/backoff.hpp"
#include "platform/base/log.hpp"

namespace guildhall::user {
namespace {

using std::chrono::milliseconds;

// A process that claims a mail has this long to send it before another replica tries.
constexpr std::chrono::seconds kClaim{60};
constexpr std::size_t kMailsInTurn = 20;
// For mails whose next try is due, and those that a process wrote which has died since.
constexpr milliseconds kPoll{5000};

/// 1, 2, 4 … minutes, at most an hour: a server that puts a mail off is not hammered.
std::chrono::seconds next_try_in(std::int64_t tries) {
    return std::min(kClaim * (std::int64_t{1} << std::min<std::int64_t>(tries, 6)), std::chrono::seconds(3600));
}

metrics::Counter& count_of(const char* outcome) {
    return metrics::counter("guildhall_mails_total",
                            "Tries to send a mail, by outcome: sent, deferred (tried again later), dead (given up).",
                            {{"outcome", outcome}});
}

}  // namespace

PostOffice::PostOffice(const service::Base& base, UserStore& store, mail::Mailer& mailer)
    : database_(base.database),
      store_(store),
      mailer_(mailer),
      clock_(base.clock),
      ids_(base.ids),
      sent_(count_of("sent")),
      deferred_(count_of("deferred")),
      dead_(count_of("dead")) {}

Task<void> PostOffice::write(sql::Transaction& tx, mail::Message message, std::chrono::seconds lifetime) {
    const Time now = clock_.now();
    StoredMail mail{
        ids_.next<MailId>(), std::move(message.to), std::move(message.subject), std::move(message.text), 0, now,
        now + lifetime};
    tx.after_commit([this] { alarm_.ring(); });
    co_await store_.insert_mail(tx, std::move(mail));
}

Task<void> PostOffice::run() {
    Backoff backoff(milliseconds(500), milliseconds(15'000));
    while (!is_stopping_) {
        std::optional<milliseconds> pause;
        try {
            const bool has_more = co_await send_due();
            if (has_more) continue;
            backoff.reset();
        } catch (const Unavailable& error) {
            pause = backoff.next();
            spdlog::warn("mails wait, next try in {} ms: {}", pause->count(), error.what());
        }
        if (pause) {
            // A mail that is written meanwhile does not end this: the server is as unavailable for it.
            const auto end = std::chrono::steady_clock::now() + *pause;
            while (!is_stopping_ && std::chrono::steady_clock::now() < end) {
                const auto left = end - std::chrono::steady_clock::now();
                co_await alarm_.sleep(std::chrono::ceil<milliseconds>(left));
            }
        } else {
            co_await alarm_.sleep(kPoll);
        }
    }
}

void PostOffice::stop() {
    is_stopping_ = true;
    mailer_.stop();
    alarm_.ring();
}

Task<bool> PostOffice::send_due() {
    auto due = co_await store_.list_due_mails(clock_.now(), kMailsInTurn);
    const bool has_more = due.size() == kMailsInTurn;
    for (StoredMail& mail : due) {
        if (is_stopping_) co_return false;
        const Time now = clock_.now();  // the mails before may have taken minutes
        if (mail.expires_at <= now) {
            co_await bury(std::move(mail), "it could not be sent in time");
            continue;
        }
        const Time next_try_at = now + next_try_in(mail.tries);
        auto body = [&](sql::Transaction& tx) -> Task<Result<bool>> {
            co_return co_await store_.claim_mail(tx, mail, next_try_at);
        };
        const auto is_claimed = co_await database_.transact<bool>(body);
        if (!is_claimed || !*is_claimed) continue;
        ++mail.tries;
        mail.next_try_at = next_try_at;
        co_await deliver(std::move(mail));
    }
    co_return has_more;
}

Task<void> PostOffice::deliver(StoredMail mail) {
    std::optional<Result<void>> done;
    std::exception_ptr failure;
    try {
        mail::Message message{mail.recipient, mail.subject, mail.body};
        done.emplace(co_await mailer_.send(std::move(message)));
    } catch (const Unavailable&) {
        failure = std::current_exception();
    }
    if (failure) {
        // It was not tried: it is sent as soon as the server is back.
        deferred_.add();
        co_await release(mail);
        std::rethrow_exception(failure);
    }
    if (*done) {
        sent_.add();
        auto body = [&](sql::Transaction& tx) -> Task<Result<void>> {
            co_await store_.remove_mail(tx, mail.id);
            co_return Result<void>{};
        };
        const auto removed = co_await database_.transact<void>(body);
        if (!removed) throw Unavailable(removed.error().detail);
    } else if (done->error().code == Code::unavailable) {
        deferred_.add();
        spdlog::warn("mail {} is tried again later: {}", mail.id.value, done->error().detail);
    } else {
        co_await bury(std::move(mail), done->error().detail);
    }
}

Task<void> PostOffice::release(const StoredMail& mail) {
    auto body = [&](sql::Transaction& tx) -> Task<Result<void>> {
        co_await store_.release_mail(tx, mail.id, mail.next_try_at, clock_.now());
        co_return Result<void>{};
    };
    const auto done = co_await database_.transact<void>(body);
    if (!done) throw Unavailable(done.error().detail);
}

Task<void> PostOffice::bury(StoredMail mail, std::string error) {
    const MailId id = mail.id;
    DeadMail dead{mail.id, std::move(mail.recipient), std::move(mail.subject), mail.tries, error, clock_.now()};
    auto body = [&](sql::Transaction& tx) -> Task<Result<void>> {
        co_await store_.bury_mail(tx, dead);
        co_return Result<void>{};
    };
    const auto done = co_await database_.transact<void>(body);
    if (!done) throw Unavailable(done.error().detail);
    dead_.add();
    spdlog::error("mail {} is given up: {}", id.value, error);
}

}  // namespace guildhall::user
