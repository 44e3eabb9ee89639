#include <algorithm>
#include <deque>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "services/user/user_store.hpp"
#include "support/user_world.hpp"

namespace guildhall::user {
namespace {

using std::chrono::minutes;
using test::World;

/// The store over an empty database of the engine.
class UserStoreContract : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        if (const auto missing = guildhall::test::TestDatabase::missing(GetParam()); !missing.empty())
            GTEST_SKIP() << missing;
        world_.emplace(GetParam());
        store_.emplace(world_->database);
        now_ = world_->clock.now();
    }

    /// Runs one statement of the store in a transaction.
    template <class T, class Work>
    T in_transaction(Work work) {
        auto body = [&](sql::Transaction& tx) -> Task<Result<T>> { co_return co_await work(tx); };
        return world_->run(world_->database.transact<T>(body)).value();
    }
    template <class Work>
    void write(Work work) {
        auto body = [&](sql::Transaction& tx) -> Task<Result<void>> {
            co_await work(tx);
            co_return Result<void>{};
        };
        ASSERT_TRUE(world_->run(world_->database.transact<void>(body)));
    }
    template <class T>
    T run(Task<T> task) {
        return world_->run(std::move(task));
    }

    void insert_account(UserId user, const std::string& email, const std::string& handle) {
        write([&](sql::Transaction& tx) -> Task<void> {
            const bool is_new = co_await store_->reserve_email(tx, email, user);
            EXPECT_TRUE(is_new);
            const bool is_ours = co_await store_->reserve_handle(tx, handle, user);
            EXPECT_TRUE(is_ours);
            Profile profile;
            profile.id = user;
            profile.handle = handle;
            profile.name = "Name of " + handle;
            profile.version = 1;
            profile.created_at = now_;
            Credentials credentials{email, "hash"};
            co_await store_->insert_account(tx, std::move(credentials), std::move(profile));
        });
    }
    StoredSession session(UserId user, SessionId id, const std::string& token) {
        return {user, id, token, "phone", "192.0.2.1", "agent", now_, now_, now_ + minutes(60)};
    }
    void insert_session(UserId user, SessionId id, const std::string& token) {
        write([&](sql::Transaction& tx) { return store_->insert_session(tx, session(user, id, token)); });
    }
    bool reserve(const std::string& handle, UserId user) {
        return in_transaction<bool>([&](sql::Transaction& tx) { return store_->reserve_handle(tx, handle, user); });
    }
    bool rotate(const std::string& from, const std::string& to) {
        const Rotation rotation{from, "salt of " + to, session(kAda, kFirst, to)};
        return in_transaction<bool>([&](sql::Transaction& tx) { return store_->rotate_token(tx, rotation); });
    }

    /// `token` names everything of it.
    void insert_registration(const std::string& email, const std::string& token, Time expires_at,
                             std::int64_t tries = 5, std::int64_t most = 10) {
        const Registration registration{email, token, tries, "hash of " + token, "Name", "", expires_at};
        write([&](sql::Transaction& tx) { return store_->insert_registration(tx, registration, most); });
    }
    std::optional<Registration> take_try(const std::string& email, const std::string& token, Time at) {
        return in_transaction<std::optional<Registration>>(
            [&](sql::Transaction& tx) { return store_->take_try(tx, email, token, at); });
    }

    static constexpr UserId kAda{101};
    static constexpr UserId kBob{102};
    static constexpr SessionId kFirst{201};
    static constexpr SessionId kSecond{202};
    static constexpr SessionId kLast{std::numeric_limits<std::int64_t>::max()};

    std::optional<World> world_;
    std::optional<UserStore> store_;
    Time now_;
};

TEST_P(UserStoreContract, FindsNothingOfNobody) {
    EXPECT_FALSE(run(store_->find_user_by_email("nobody@example.org")));
    EXPECT_FALSE(run(store_->find_credentials(kAda)));
    EXPECT_FALSE(run(store_->find_handle("nobody")));
    EXPECT_FALSE(run(store_->find_refresh_token("none")));
    EXPECT_TRUE(run(store_->list_profiles({kAda})).empty());
    EXPECT_TRUE(run(store_->list_cards({})).empty());
    EXPECT_TRUE(run(store_->list_hidden(kAda)).empty());
}

TEST_P(UserStoreContract, KeepsAnAccountAsItWasGiven) {
    insert_account(kAda, "ada@example.org", "ada");
    EXPECT_EQ(run(store_->find_user_by_email("ada@example.org")), kAda);
    EXPECT_EQ(run(store_->find_credentials(kAda))->password_hash, "hash");
    const auto profiles = run(store_->list_profiles({kBob, kAda}));
    ASSERT_EQ(profiles.size(), 1U);
    EXPECT_EQ(profiles[0].handle, "ada");
    EXPECT_EQ(profiles[0].created_at, now_);
    EXPECT_EQ(run(store_->find_handle("ada"))->user_id, kAda);
}

TEST_P(UserStoreContract, GivesAnAddressOnce) {
    insert_account(kAda, "ada@example.org", "ada");
    EXPECT_FALSE(
        in_transaction<bool>([&](sql::Transaction& tx) { return store_->reserve_email(tx, "ada@example.org", kBob); }));
    EXPECT_EQ(run(store_->find_user_by_email("ada@example.org")), kAda);
}

TEST_P(UserStoreContract, RollsAnAccountBackWhole) {
    auto body = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const bool is_new = co_await store_->reserve_email(tx, "ada@example.org", kAda);
        EXPECT_TRUE(is_new);
        const bool is_ours = co_await store_->reserve_handle(tx, "ada", kAda);
        EXPECT_TRUE(is_ours);
        co_return Error{Code::conflict, "no"};
    };
    EXPECT_FALSE(run(world_->database.transact<void>(body)));
    EXPECT_FALSE(run(store_->find_user_by_email("ada@example.org")));
    EXPECT_FALSE(run(store_->find_handle("ada")));
}

TEST_P(UserStoreContract, KeepsTextOfEveryLengthAndScript) {
    insert_account(kAda, "ada@example.org", "ada");
    std::string about;
    for (int i = 0; i < 2600; ++i) about += "😀";
    const auto changed = [&](sql::Transaction& tx) -> Task<void> {
        auto profile = co_await store_->raise_version(tx, kAda);
        profile->about = about;
        profile->headline = "'; DROP TABLE profiles; --";
        co_await store_->update_profile(tx, *profile);
    };
    write(changed);
    const auto profile = run(store_->list_profiles({kAda})).at(0);
    EXPECT_EQ(profile.about, about);
    EXPECT_EQ(profile.headline, "'; DROP TABLE profiles; --");
    EXPECT_EQ(profile.version, 2);
}

TEST_P(UserStoreContract, ReplacesOnlyThePasswordOfTheVersionThatItWasShown) {
    insert_account(kAda, "ada@example.org", "ada");
    const auto replace = [&](std::int64_t version, const std::string& to) {
        return in_transaction<bool>(
            [&](sql::Transaction& tx) { return store_->replace_password(tx, kAda, version, to); });
    };
    const auto version = run(store_->find_credentials(kAda))->password_version;
    EXPECT_FALSE(replace(version + 1, "new"));
    EXPECT_TRUE(replace(version, "new"));
    EXPECT_FALSE(replace(version, "newer"));
    EXPECT_EQ(run(store_->find_credentials(kAda))->password_hash, "new");
    EXPECT_EQ(run(store_->find_credentials(kAda))->password_version, version + 1);
}

TEST_P(UserStoreContract, ConfirmsAPasswordUntilItIsChangedWhateverItsHash) {
    insert_account(kAda, "ada@example.org", "ada");
    const auto confirm = [&](std::int64_t version, std::optional<std::string> rehashed) {
        return in_transaction<bool>(
            [&](sql::Transaction& tx) { return store_->confirm_password(tx, kAda, version, std::move(rehashed)); });
    };
    const auto version = run(store_->find_credentials(kAda))->password_version;
    EXPECT_TRUE(confirm(version, {}));
    EXPECT_EQ(run(store_->find_credentials(kAda))->password_hash, "hash");
    EXPECT_TRUE(confirm(version, "rehashed"));
    EXPECT_TRUE(confirm(version, "rehashed too"));
    EXPECT_TRUE(confirm(version, {}));
    EXPECT_EQ(run(store_->find_credentials(kAda))->password_hash, "rehashed too");
    EXPECT_EQ(run(store_->find_credentials(kAda))->password_version, version);
    EXPECT_FALSE(confirm(version + 1, "of another password"));
    EXPECT_EQ(run(store_->find_credentials(kAda))->password_hash, "rehashed too");
}

TEST_P(UserStoreContract, CountsTheTriesOfACodeAndEndsThem) {
    insert_registration("ada@example.org", "token", now_ + minutes(15), 2);
    EXPECT_FALSE(take_try("ada@example.org", "token", now_ + minutes(15))) << "expired";
    EXPECT_FALSE(take_try("ada@example.org", "another", now_));
    EXPECT_FALSE(take_try("bob@example.org", "token", now_));
    EXPECT_EQ(take_try("ada@example.org", "token", now_)->tries_left, 1);
    EXPECT_EQ(take_try("ada@example.org", "token", now_)->tries_left, 0);
    EXPECT_FALSE(take_try("ada@example.org", "token", now_));
}

TEST_P(UserStoreContract, KeepsRegistrationsOfOneAddressApart) {
    insert_registration("ada@example.org", "one", now_ + minutes(15));
    insert_registration("ada@example.org", "two", now_ + minutes(15));
    const auto one = take_try("ada@example.org", "one", now_);
    ASSERT_TRUE(one);
    EXPECT_EQ(one->email, "ada@example.org");
    EXPECT_EQ(one->token_hash, "one");
    EXPECT_EQ(one->password_hash, "hash of one");
    EXPECT_EQ(take_try("ada@example.org", "two", now_)->password_hash, "hash of two");
    write([&](sql::Transaction& tx) { return store_->remove_registration(tx, "ada@example.org", "one"); });
    EXPECT_FALSE(take_try("ada@example.org", "one", now_));
    EXPECT_TRUE(take_try("ada@example.org", "two", now_));
}

TEST_P(UserStoreContract, DropsTheOldestOfTooManyRegistrationsOfAnAddress) {
    insert_registration("bob@example.org", "another's", now_ + minutes(1));
    for (int i = 0; i < 5; ++i)
        insert_registration("ada@example.org", std::to_string(i), now_ + minutes(10 + i), 5, /*most=*/3);
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(take_try("ada@example.org", std::to_string(i), now_).has_value(), i >= 2) << i;
    EXPECT_TRUE(take_try("bob@example.org", "another's", now_));
}

TEST_P(UserStoreContract, LetsARegistrationLiveLongerUnlessItHasExpired) {
    insert_registration("ada@example.org", "token", now_ + minutes(15));
    const auto extend = [&](const std::string& token, Time at) {
        return in_transaction<bool>([&](sql::Transaction& tx) {
            return store_->extend_registration(tx, "ada@example.org", token, at, at + minutes(15));
        });
    };
    EXPECT_FALSE(extend("another", now_));
    EXPECT_TRUE(extend("token", now_ + minutes(14)));
    EXPECT_TRUE(take_try("ada@example.org", "token", now_ + minutes(28)));
    EXPECT_FALSE(extend("token", now_ + minutes(29)));
}

TEST_P(UserStoreContract, GivesAHandleToItsOwnerAgainAndToNobodyElse) {
    EXPECT_TRUE(reserve("ada", kAda));
    write([&](sql::Transaction& tx) { return store_->retire_handle(tx, "ada", kAda); });
    EXPECT_FALSE(run(store_->find_handle("ada"))->is_current);
    EXPECT_FALSE(reserve("ada", kBob));
    EXPECT_TRUE(reserve("ada", kAda));
    EXPECT_TRUE(run(store_->find_handle("ada"))->is_current);
}

TEST_P(UserStoreContract, FindsManyHandlesInOrder) {
    reserve("ada", kAda);
    reserve("bob", kBob);
    const auto owners = run(store_->find_handles({"bob", "nobody", "ada"}));
    ASSERT_EQ(owners.size(), 3U);
    EXPECT_EQ(owners[0]->user_id, kBob);
    EXPECT_FALSE(owners[1]);
    EXPECT_EQ(owners[2]->user_id, kAda);
}

TEST_P(UserStoreContract, RotatesATokenOnce) {
    insert_session(kAda, kFirst, "t1");
    EXPECT_TRUE(rotate("t1", "t2"));
    EXPECT_FALSE(rotate("t1", "t3"));
    EXPECT_TRUE(run(store_->find_refresh_token("t1"))) << "a used token still leads to its session";
    EXPECT_FALSE(run(store_->find_refresh_token("t3")));
    EXPECT_TRUE(rotate("t2", "t3"));
}

// [U4]
TEST_P(UserStoreContract, KnowsTheSuccessorOfTheTokenThatWasUsedLastWithinTheGrace) {
    insert_session(kAda, kFirst, "t1");
    const auto salt_after = [&](const std::string& token, std::chrono::seconds passed) {
        return in_transaction<std::optional<std::string>>([&](sql::Transaction& tx) {
            return store_->find_successor_salt(tx, {kAda, kFirst, {}}, token, now_ + passed, std::chrono::seconds(10));
        });
    };
    using std::chrono::seconds;
    EXPECT_FALSE(salt_after("t1", seconds(0))) << "it was not used yet";
    rotate("t1", "t2");
    EXPECT_EQ(salt_after("t1", seconds(9)), "salt of t2");
    EXPECT_EQ(salt_after("t1", seconds(-9)), "salt of t2") << "the clock of another replica is behind";
    EXPECT_FALSE(salt_after("t1", seconds(10)));
    rotate("t2", "t3");
    EXPECT_FALSE(salt_after("t1", seconds(0)));
    EXPECT_EQ(salt_after("t2", seconds(0)), "salt of t3");
}

// [U4]
TEST_P(UserStoreContract, OfManyRotationsOfOneTokenAtOnceOneWins) {
    insert_session(kAda, kFirst, "t0");
    std::vector<Task<Result<bool>>> tasks;
    std::deque<std::function<Task<Result<bool>>(sql::Transaction&)>> bodies;
    for (int i = 1; i <= 16; ++i) {
        bodies.emplace_back([this, i](sql::Transaction& tx) -> Task<Result<bool>> {
            Rotation rotation{"t0", "salt", session(kAda, kFirst, "t" + std::to_string(i))};
            co_return co_await store_->rotate_token(tx, std::move(rotation));
        });
        tasks.push_back(world_->database.transact<bool>(bodies.back()));
    }
    int won = 0;
    for (const auto& is_rotated : world_->run_together(std::move(tasks))) won += is_rotated.value();
    EXPECT_EQ(won, 1);
}

TEST_P(UserStoreContract, EndsASessionOfItsOwnerOnlyAndRemembersIt) {
    insert_session(kAda, kFirst, "t1");
    const auto end = [&](UserId user) {
        return in_transaction<bool>(
            [&](sql::Transaction& tx) { return store_->remove_session(tx, user, kFirst, now_); });
    };
    EXPECT_FALSE(end(kBob));
    EXPECT_TRUE(end(kAda));
    EXPECT_FALSE(end(kAda));
    const auto revoked = run(store_->list_revoked({SessionId{}, now_}, 10));
    ASSERT_EQ(revoked.size(), 1U);
    EXPECT_EQ(revoked[0].id, kFirst);
    EXPECT_TRUE(run(store_->list_revoked({SessionId{}, now_ + minutes(1)}, 10)).empty());
    EXPECT_TRUE(run(store_->list_revoked(revoked[0], 10)).empty());
}

TEST_P(UserStoreContract, ListsLivingSessionsNewestFirst) {
    insert_session(kAda, kFirst, "t1");
    insert_session(kAda, kSecond, "t2");
    insert_session(kBob, SessionId{203}, "t3");
    const auto sessions = run(store_->list_sessions(kAda, kLast, now_, 10));
    ASSERT_EQ(sessions.size(), 2U);
    EXPECT_EQ(sessions[0].id, kSecond);
    EXPECT_EQ(sessions[1].device, "phone");
    EXPECT_EQ(run(store_->list_sessions(kAda, kSecond, now_, 10)).size(), 1U);
    EXPECT_EQ(run(store_->list_sessions(kAda, kLast, now_, 1)).size(), 1U);
    EXPECT_TRUE(run(store_->list_sessions(kAda, kLast, now_ + minutes(60), 10)).empty());
}

TEST_P(UserStoreContract, WritesABlockForBothReaders) {
    const auto block = [&] {
        return in_transaction<bool>(
            [&](sql::Transaction& tx) { return store_->insert_block(tx, kAda, {BlockId{1}, kBob, now_}); });
    };
    const auto unblock = [&] {
        return in_transaction<bool>([&](sql::Transaction& tx) { return store_->remove_block(tx, kAda, kBob); });
    };
    EXPECT_TRUE(block());
    EXPECT_FALSE(block());
    EXPECT_EQ(run(store_->list_hidden(kAda)), UserSet{kBob});
    EXPECT_EQ(run(store_->list_hidden(kBob)), UserSet{kAda});
    EXPECT_TRUE(run(store_->is_blocked(kAda, kBob)));
    EXPECT_FALSE(run(store_->is_blocked(kBob, kAda)));
    EXPECT_TRUE(unblock());
    EXPECT_FALSE(unblock());
    EXPECT_TRUE(run(store_->list_hidden(kBob)).empty());
}

TEST_P(UserStoreContract, ClaimsAMailOnce) {
    const StoredMail mail{MailId{1}, "ada@example.org", "Hello", "Text", 1, now_, now_ + minutes(60)};
    write([&](sql::Transaction& tx) { return store_->insert_mail(tx, mail); });
    const auto take = [&] {
        return in_transaction<bool>(
            [&](sql::Transaction& tx) { return store_->claim_mail(tx, mail, now_ + minutes(1)); });
    };
    EXPECT_EQ(run(store_->list_due_mails(now_, 10)).size(), 1U);
    EXPECT_TRUE(take());
    EXPECT_FALSE(take());
    EXPECT_TRUE(run(store_->list_due_mails(now_, 10)).empty());
    const auto due = run(store_->list_due_mails(now_ + minutes(1), 10));
    ASSERT_EQ(due.size(), 1U);
    EXPECT_EQ(due[0].tries, 2);
    write([&](sql::Transaction& tx) { return store_->remove_mail(tx, mail.id); });
    EXPECT_TRUE(run(store_->list_due_mails(now_ + minutes(1), 10)).empty());
}

TEST_P(UserStoreContract, KeepsWhatBecameOfADeadMailForNinetyDays) {
    const StoredMail mail{MailId{1}, "ada@example.org", "Hello", "Text", 1, now_, now_ + minutes(60)};
    write([&](sql::Transaction& tx) { return store_->insert_mail(tx, mail); });
    const DeadMail dead{MailId{1}, "ada@example.org", "Hello", 2, "550 no such mailbox", now_};
    write([&](sql::Transaction& tx) { return store_->bury_mail(tx, dead); });
    EXPECT_TRUE(run(store_->list_due_mails(now_, 10)).empty());
    const auto listed = run(store_->list_dead_mails(MailId{}, 10));
    ASSERT_EQ(listed.size(), 1U);
    EXPECT_EQ(listed[0].error, "550 no such mailbox");
    EXPECT_EQ(listed[0].tries, 2);
    EXPECT_TRUE(run(store_->list_dead_mails(MailId{1}, 10)).empty());
    run(store_->prune(now_ + std::chrono::days(89), now_));
    EXPECT_EQ(run(store_->list_dead_mails(MailId{}, 10)).size(), 1U);
    run(store_->prune(now_ + std::chrono::days(90), now_));
    EXPECT_TRUE(run(store_->list_dead_mails(MailId{}, 10)).empty());
}

// [U6]
TEST_P(UserStoreContract, GivesAnAccountANewAddressAndReleasesTheOldOne) {
    insert_account(kAda, "ada@example.org", "ada");
    insert_account(kBob, "bob@example.org", "bob");
    const auto replace = [&](const std::string& to, const std::string& from) {
        auto body = [&](sql::Transaction& tx) -> Task<Result<void>> {
            const bool is_replaced = co_await store_->replace_email(tx, {kAda, to, from, 0, {}});
            if (!is_replaced) co_return Error{Code::conflict, "no"};
            co_return Result<void>{};
        };
        return run(world_->database.transact<void>(body)).has_value();
    };
    EXPECT_FALSE(replace("bob@example.org", "ada@example.org")) << "it has an account";
    EXPECT_FALSE(replace("new@example.org", "older@example.org")) << "it is not the account's any more";
    EXPECT_FALSE(run(store_->find_user_by_email("new@example.org")));
    EXPECT_TRUE(replace("new@example.org", "ada@example.org"));
    EXPECT_EQ(run(store_->find_user_by_email("new@example.org")), kAda);
    EXPECT_FALSE(run(store_->find_user_by_email("ada@example.org")));
    EXPECT_EQ(run(store_->find_credentials(kAda))->email, "new@example.org");
}

TEST_P(UserStoreContract, ConfirmsNoPasswordOfADisabledAccount) {
    insert_account(kAda, "ada@example.org", "ada");
    const auto set = [&](UserId user, std::optional<Time> since) {
        return in_transaction<bool>([&](sql::Transaction& tx) { return store_->set_disabled(tx, user, since); });
    };
    const auto is_confirmed = [&] {
        return in_transaction<bool>([&](sql::Transaction& tx) { return store_->confirm_password(tx, kAda, 1, {}); });
    };
    EXPECT_TRUE(is_confirmed());
    EXPECT_FALSE(set(kBob, now_)) << "there is no such account";
    EXPECT_TRUE(set(kAda, now_));
    EXPECT_TRUE(run(store_->find_credentials(kAda))->is_disabled);
    EXPECT_FALSE(is_confirmed());
    EXPECT_EQ(run(store_->list_accounts(UserId{}, 10)).at(0).disabled_at, now_);
    EXPECT_TRUE(set(kAda, std::nullopt));
    EXPECT_TRUE(is_confirmed());
}

TEST_P(UserStoreContract, ListsAccountsInOrder) {
    insert_account(kAda, "ada@example.org", "ada");
    insert_account(kBob, "bob@example.org", "bob");
    const auto first = run(store_->list_accounts(UserId{}, 1));
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(first[0].id, kAda);
    EXPECT_EQ(first[0].email, "ada@example.org");
    EXPECT_EQ(first[0].handle, "ada");
    EXPECT_EQ(first[0].name, "Name of ada");
    EXPECT_FALSE(first[0].disabled_at);
    EXPECT_EQ(run(store_->list_accounts(kAda, 10)).at(0).id, kBob);
    EXPECT_TRUE(run(store_->list_accounts(kBob, 10)).empty());
}

TEST_P(UserStoreContract, PrunesWhatHasExpiredAndNothingElse) {
    insert_account(kAda, "ada@example.org", "ada");
    insert_session(kAda, kFirst, "old");
    auto living = session(kAda, kSecond, "living");
    living.expires_at = now_ + minutes(120);
    write([&](sql::Transaction& tx) { return store_->insert_session(tx, living); });
    insert_registration("eve@example.org", "old", now_ + minutes(15));
    insert_registration("eve@example.org", "living", now_ + minutes(120));

    const Time later = now_ + minutes(60);
    EXPECT_TRUE(run(store_->prune(later, later)));

    EXPECT_FALSE(run(store_->find_refresh_token("old")));
    EXPECT_TRUE(run(store_->find_refresh_token("living")));
    EXPECT_EQ(run(store_->list_sessions(kAda, kLast, now_, 10)).size(), 1U);
    EXPECT_TRUE(run(store_->find_handle("ada")));
    EXPECT_FALSE(take_try("eve@example.org", "old", now_));
    EXPECT_TRUE(take_try("eve@example.org", "living", now_));
}

TEST_P(UserStoreContract, PrunesAnyNumberOfRowsInOneTurn) {
    insert_account(kAda, "ada@example.org", "ada");
    for (int i = 0; i < 1200; ++i) insert_session(kAda, SessionId{kFirst.value + 10 + i}, "old" + std::to_string(i));
    EXPECT_FALSE(run(store_->prune(now_ + minutes(60), now_, std::chrono::milliseconds(0)))) << "a batch of each kind";
    EXPECT_TRUE(run(store_->prune(now_ + minutes(60), now_)));
    EXPECT_TRUE(run(store_->list_sessions(kAda, kLast, now_ - minutes(600), 10)).empty());
    EXPECT_FALSE(run(store_->find_refresh_token("old1199")));
}

TEST_P(UserStoreContract, WhatEarlierProgramsStoredIsThereAfterTheMigrations) {
    const guildhall::test::TestDatabase place(GetParam());
    const auto database = place.open();
    const std::vector<sql::Migration> all = service::all_migrations(Module::definition());
    const auto first = std::ranges::find(all, "user/0001_init.sql", &sql::Migration::name);
    ASSERT_NE(first, all.end());
    database->migrate(std::vector(all.begin(), first + 1));
    database->execute_script(
        "INSERT INTO accounts (user_id, email, password_hash, password_version, created_at)"
        " VALUES (7, 'ada@example.com', 'hash', 1, 5);"
        "INSERT INTO handles (handle, user_id, is_current, claimed_by, claimed_until)"
        " VALUES ('ada', 7, 1, '', 0), ('asked-for', 0, 0, 'bela@example.com', 9000000000000000);"
        "INSERT INTO registrations (email, token_hash, code_hash, tries_left, password_hash, name, handle, expires_at)"
        " VALUES ('bela@example.com', 't', 'c', 5, 'hash', 'Bela', 'asked-for', 9000000000000000);"
        "INSERT INTO sessions (user_id, id, token_hash, device, ip, user_agent, created_at, last_seen_at, expires_at)"
        " VALUES (7, 8, 'token', '', '192.0.2.1', '', 5, 5, 9000000000000000);");
    database->migrate(all);

    UserStore store(*database);
    const auto credentials = run(store.find_credentials(UserId{7}));
    ASSERT_TRUE(credentials);
    EXPECT_EQ(credentials->email, "ada@example.com");
    EXPECT_FALSE(credentials->is_disabled);
    EXPECT_EQ(run(store.find_handle("ada")).value().user_id, UserId{7});
    EXPECT_FALSE(run(store.find_handle("asked-for")));
    EXPECT_EQ(run(store.list_sessions(UserId{7}, SessionId{std::numeric_limits<std::int64_t>::max()}, now_, 10)).size(),
              1U);
}

INSTANTIATE_TEST_SUITE_P(, UserStoreContract, testing::Values("sqlite", "postgres"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace guildhall::user
