#pragma once

#include <atomic>
#include <chrono>

#include "platform/async/alarm.hpp"
#include "platform/base/id.hpp"
#include "platform/base/metrics.hpp"
#include "platform/mail/mailer.hpp"
#include "platform/service/base.hpp"
#include "services/user/user_store.hpp"

namespace guildhall::user {

/// Mail that must not be lost: written in the transaction that wants it, sent after the commit in the background, and
/// again later when that fails. At least once, until it expires; one that the server refuses for good, or that expires,
/// becomes a dead mail. Thread-safe; any number of replicas may send.
class PostOffice {
public:
    PostOffice(const service::Base& base, UserStore& store, mail::Mailer& mailer);

    /// Keeps a mail, which is worth sending for `lifetime`, until it is sent; in the transaction of what it tells.
    Task<void> write(sql::Transaction& tx, mail::Message message, std::chrono::seconds lifetime);

    /// Sends what is due until stop(): at once what this process writes, and within seconds what is due again.
    /// While the database or the mail server is unavailable, it logs that and tries again after a pause.
    Task<void> run();
    void stop();

    /// Sends what is due. True when there may be more. Throws Unavailable when the database or the mail server is
    /// unavailable.
    Task<bool> send_due();

private:
    Task<void> deliver(StoredMail mail);
    Task<void> release(const StoredMail& mail);
    Task<void> bury(StoredMail mail, std::string error);

    sql::Database& database_;
    UserStore& store_;
    mail::Mailer& mailer_;
    const Clock& clock_;
    IdGenerator& ids_;
    Alarm alarm_;
    std::atomic<bool> is_stopping_{false};
    metrics::Counter& sent_;
    metrics::Counter& deferred_;
    metrics::Counter& dead_;
};

}  // namespace guildhall::user
