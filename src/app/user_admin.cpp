#include "app/user_admin.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <utility>

#include <boost/describe/class.hpp>

#include "app/io_threads.hpp"
#include "app/service_database.hpp"
#include "platform/json/write.hpp"
#include "services/user/account_administration.hpp"

namespace guildhall::app {

/// One line of `user list`.
struct PrintedUser {
    UserId id;
    std::string email;
    std::string handle;
    std::string name;
    Time created_at;
    std::optional<Time> disabled_at;
};
BOOST_DESCRIBE_STRUCT(PrintedUser, (), (id, email, handle, name, created_at, disabled_at))

/// One line of `mail dead`.
struct PrintedMail {
    user::MailId id;
    std::string recipient;
    std::string subject;
    std::int64_t tries;
    std::string error;
    Time died_at;
};
BOOST_DESCRIBE_STRUCT(PrintedMail, (), (id, recipient, subject, tries, error, died_at))

namespace {

constexpr int kAdminPage = 500;

using Work = std::function<Task<void>(user::AccountAdministration&)>;

// Without the data folder's lock: what the program that serves keeps in memory of these tables, it reads again within
// two seconds.
void administer(const Config& config, const Work& work) {
    if (config.sql.engine == "sqlite" && !std::filesystem::exists(config.data_dir / "user.db"))
        throw std::runtime_error("there is no user database in " + config.data_dir.string());
    IoThreads threads(1);  // its contexts outlive the pool and the database, whose threads post to them
    const SystemClock clock;
    const auto database = open_database(config, "user");
    Pool hashing("hashing", 1, 1);
    user::PasswordHasher hasher(hashing, config.user.argon2);
    user::AccountAdministration administration(*database, hasher, clock);
    run_and_wait(threads, [&] { return work(administration); });
    threads.stop();
}

Task<UserId> find_account(user::AccountAdministration& administration, std::string account) {
    const auto user = co_await administration.find(account);
    if (!user) throw std::runtime_error("there is no account '" + account + "'");
    co_return *user;
}

template <class Line>
void print_line(std::ostream& out, const Line& line) {
    std::string text;
    json::write(text, line);
    out << text << '\n';
}

}  // namespace

void list_users(const Config& config, std::ostream& out) {
    administer(config, [&out](user::AccountAdministration& administration) -> Task<void> {
        UserId last;
        for (;;) {
            auto page = co_await administration.list(last, kAdminPage);
            if (page.empty()) co_return;
            last = page.back().id;
            for (user::ListedAccount& account : page)
                print_line(out, PrintedUser{account.id, std::move(account.email), std::move(account.handle),
                                            std::move(account.name), account.created_at, account.disabled_at});
        }
    });
}

void reset_user_password(const Config& config, const std::string& account, std::ostream& out) {
    administer(config, [&](user::AccountAdministration& administration) -> Task<void> {
        const UserId user = co_await find_account(administration, account);
        const auto password = co_await administration.reset_password(user);
        if (!password) throw std::runtime_error(password.error().detail);
        out << *password << '\n';
    });
}

void set_user_disabled(const Config& config, const std::string& account, bool is_disabled, std::ostream& out) {
    administer(config, [&](user::AccountAdministration& administration) -> Task<void> {
        const UserId user = co_await find_account(administration, account);
        const auto done = co_await administration.set_disabled(user, is_disabled);
        if (!done) throw std::runtime_error(done.error().detail);
        out << "account " << user.value << (is_disabled ? " is disabled\n" : " is enabled\n");
    });
}

void list_dead_mails(const Config& config, std::ostream& out) {
    administer(config, [&out](user::AccountAdministration& administration) -> Task<void> {
        user::MailId last;
        for (;;) {
            auto page = co_await administration.list_dead_mails(last, kAdminPage);
            if (page.empty()) co_return;
            last = page.back().id;
            for (user::DeadMail& mail : page)
                print_line(out, PrintedMail{mail.id, std::move(mail.recipient), std::move(mail.subject), mail.tries,
                                            std::move(mail.error), mail.died_at});
        }
    });
}

}  // namespace guildhall::app
