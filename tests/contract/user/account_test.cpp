#include <deque>

#include "contract/user/service_fixture.hpp"
#include "services/user/recovery_store.hpp"
#include "services/user/secrets.hpp"

namespace guildhall::user {
namespace {

using std::chrono::minutes;
using test::World;

const std::string kAda = "ada@example.org";
const std::string kBob = "bob@example.org";
const std::string kNew = "new@example.org";
constexpr std::string_view kNewPassword = "a new long password";

class Passwords : public test::ServiceTest {
protected:
    /// The token of the answer.
    std::string forget(const std::string& email) {
        auto answer = run(accounts().forgot_password(world->visitor(), {{email}}));
        world->send_mails();
        return answer.value().value.reset_token;
    }
    Result<void> reset(const std::string& email, const std::string& code, const std::string& token) {
        auto done =
            run(accounts().reset_password(world->visitor(), {{email}, {code}, {token}, {std::string(kNewPassword)}}));
        world->send_mails();
        return done;
    }
};
GUILDHALL_OVER_BOTH_DATABASES(Passwords);

// [U6]
TEST_P(Passwords, AForgottenPasswordIsReplacedWithTheMailedCodeAndAllSessionsEnd) {
    const auto ada = world->sign_up(kAda);
    const auto other = world->log_in(kAda);
    const auto bob = world->sign_up(kBob);
    const auto token = forget(kAda);
    EXPECT_TRUE(world->log_in(kAda)) << "until then nothing changes";
    ASSERT_TRUE(reset(kAda, world->mailer.code_for(kAda), token));
    EXPECT_FALSE(world->lets_in(ada));
    EXPECT_FALSE(world->lets_in(*other));
    EXPECT_FALSE(refresh(ada.refresh_token));
    EXPECT_TRUE(world->lets_in(bob));
    EXPECT_FALSE(world->log_in(kAda));
    EXPECT_TRUE(world->log_in(kAda, kNewPassword));
    EXPECT_EQ(world->mailer.subjects_to(kAda).back(), "Your password for Guildhall was changed");
}

// [U6] [F: a wrong mailed code is 401]
TEST_P(Passwords, ACodeWorksOnceForItsAddressAndItsTimeWithItsToken) {
    world->sign_up(kAda);
    world->sign_up(kBob);
    const auto token = forget(kAda);
    const auto code = world->mailer.code_for(kAda);
    const auto wrong = wire(reset(kAda, "22222222", token));
    EXPECT_TRUE(wrong.starts_with("422"));
    EXPECT_NE(wrong.find("\"invalid_code\""), std::string::npos);
    EXPECT_EQ(wire(reset(kBob, code, token)), wrong);
    EXPECT_EQ(wire(reset(kAda, code, "invented")), wrong);
    ASSERT_TRUE(reset(kAda, code, token));
    EXPECT_EQ(wire(reset(kAda, code, token)), wrong);

    const auto late = forget(kBob);
    world->clock.advance(minutes(15));
    EXPECT_EQ(wire(reset(kBob, world->mailer.code_for(kBob), late)), wrong);
}

// [U6] A code is for one purpose: the mail says what it does.
TEST_P(Passwords, ACodeOfARegistrationSetsNoPassword) {
    const auto registration = ask_for_account(World::registration(kAda));
    const auto code = world->mailer.code_for(kAda);
    const auto token = forget(kAda);
    EXPECT_FALSE(reset(kAda, code, token));
    EXPECT_TRUE(verify(kAda, code, registration));
}

// [U6] [U12]
TEST_P(Passwords, ACodeDiesAfterFiveWrongTriesAndAnotherTokenHasItsOwn) {
    world->sign_up(kAda);
    const auto token = forget(kAda);
    const auto code = world->mailer.code_for(kAda);
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(reset(kAda, "22222222", token));
    EXPECT_FALSE(reset(kAda, code, token));
    EXPECT_TRUE(reset(kAda, code, forget(kAda)));
}

// [U6] [U12]
TEST_P(Passwords, TriesOfOneRequestAreThrottled) {
    world->sign_up(kAda);
    const auto token = forget(kAda);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(reset(kAda, "22222222", token).error().code, Code::unprocessable);
    EXPECT_EQ(reset(kAda, "22222222", token).error().code, Code::too_many_requests);
}

// [U43]
TEST_P(Passwords, AskingAndGuessingAreAlikeForAKnownAndAnUnknownAddress) {
    world->sign_up(kAda);
    const auto answers = [&](const std::string& email) {
        std::vector<std::string> all;
        const int before = world->database.calls();
        const auto answer = run(accounts().forgot_password(world->visitor(), {{email}}));
        all.push_back(std::to_string(world->database.calls() - before));
        all.push_back(answer->value.status + std::to_string(answer->value.reset_token.size()));
        for (int i = 0; i < 12; ++i) all.push_back(wire(reset(email, "22222222", answer->value.reset_token)));
        all.push_back(std::to_string(world->database.calls() - before));
        return all;
    };
    EXPECT_EQ(answers(kAda), answers("nobody@example.org"));
    EXPECT_EQ(world->mailer.subjects_to("nobody@example.org"),
              std::vector<std::string>{"You have no account at Guildhall"});
    EXPECT_EQ(world->mailer.code_for("nobody@example.org"), "");
}

// [U6] [F: throttle as a weapon]
TEST_P(Passwords, ManyRequestsForOneAddressShareAMailAndStopNobody) {
    world->sign_up(kAda);
    const auto before = world->mailer.sent.size();
    for (int i = 0; i < 30; ++i) {
        world->request.ip = "198.51.100." + std::to_string(i);
        forget(kAda);
    }
    world->request.ip = "192.0.2.1";
    const auto token = forget(kAda);
    EXPECT_EQ(world->mailer.sent.size(), before + 1);
    EXPECT_TRUE(reset(kAda, world->mailer.code_for(kAda), token));
}

// [U6] [U12]
TEST_P(Passwords, RequestsFromOneNetworkAddressAreLimited) {
    int accepted = 0;
    const auto ask = [&] {
        return run(accounts().forgot_password(world->visitor(), {{"m" + std::to_string(accepted) + "@example.org"}}));
    };
    while (ask()) ++accepted;
    EXPECT_EQ(accepted, 50);
    world->request.ip = "198.51.100.8";
    EXPECT_TRUE(ask());
}

// [F: throttle as a weapon] The owner comes back while strangers keep the account locked.
TEST_P(Passwords, WhoHasResetThePasswordMaySignInWhileStrangersGuess) {
    world->sign_up(kAda);
    world->request.ip = "198.51.100.66";
    while (world->log_in(kAda, "wrong horse").error().code == Code::unauthenticated) {
    }
    world->request.ip = "203.0.113.9";
    ASSERT_EQ(world->log_in(kAda).error().code, Code::too_many_requests);
    const auto token = forget(kAda);
    ASSERT_TRUE(reset(kAda, world->mailer.code_for(kAda), token));
    EXPECT_TRUE(world->log_in(kAda, kNewPassword));
}

// [U6] Else who has taken over a session keeps a way in.
TEST_P(Passwords, AResetForgetsKnownDevicesAndStopsAChangeOfTheAddress) {
    const auto ada = world->sign_up(kAda);
    ASSERT_TRUE(run(accounts().change_email(world->caller(ada), {{kNew}, {std::string(World::kPassword)}})));
    world->send_mails();
    const auto code = world->mailer.code_for(kNew);
    world->request.ip = "203.0.113.9";
    const auto token = forget(kAda);
    ASSERT_TRUE(reset(kAda, world->mailer.code_for(kAda), token));
    EXPECT_EQ(run(accounts().confirm_email(world->caller(ada), {{code}})).error().problem, "invalid_code");
    RecoveryStore store(world->database);
    EXPECT_FALSE(run(store.find_known_device(ada.user_id, marks_of(*ada.device_token, "192.0.2.1"))));
    EXPECT_TRUE(run(store.find_known_device(ada.user_id, marks_of("", "203.0.113.9"))));
}

// [U6]
TEST_P(Passwords, OneCodeUsedByManyAtOnceSetsOnePassword) {
    world->sign_up(kAda);
    std::vector<std::string> tokens;
    for (int i = 0; i < 4; ++i) tokens.push_back(forget(kAda));
    const auto code = world->mailer.code_for(kAda);
    std::vector<Task<Result<bool>>> tries;
    const auto use = [&](std::string token) -> Task<Result<bool>> {
        ResetPassword body{{kAda}, {code}, {std::move(token)}, {std::string(kNewPassword)}};
        auto done = co_await accounts().reset_password(world->visitor(), std::move(body));
        co_return done.has_value();
    };
    for (const auto& token : tokens) tries.push_back(use(token));
    int done = 0;
    for (const auto& is_done : world->run_together(std::move(tries))) done += is_done.value();
    EXPECT_EQ(done, 1);
}

// [U3] [U6] [U10]
TEST_P(Passwords, AChangedPasswordEndsTheOthers) {
    const auto ada = world->sign_up(kAda);
    const auto other = world->log_in(kAda);
    const auto change = [&](const std::string& current) {
        return run(accounts().change_password(world->caller(ada), {{current}, {"a new long password"}}));
    };
    const auto refused = change("wrong horse");
    EXPECT_EQ(refused.error().code, Code::forbidden);
    EXPECT_EQ(refused.error().errors.at(0).pointer, "/current_password");
    EXPECT_TRUE(world->lets_in(*other));

    ASSERT_TRUE(change(std::string(World::kPassword)));
    EXPECT_FALSE(world->lets_in(*other));
    EXPECT_TRUE(world->lets_in(ada));
    EXPECT_FALSE(world->log_in(kAda));
    EXPECT_TRUE(world->log_in(kAda, "a new long password"));
    world->send_mails();
    EXPECT_EQ(world->mailer.subjects_to(kAda).back(), "Your password for Guildhall was changed");
}

// [U6] [U12]
TEST_P(Passwords, GuessingTheCurrentPasswordIsLocked) {
    const auto ada = world->sign_up(kAda);
    const auto guess = [&] {
        return run(accounts().change_password(world->caller(ada), {{"wrong horse"}, {"a new long password"}}));
    };
    for (int i = 0; i < 10; ++i) EXPECT_EQ(guess().error().code, Code::forbidden);
    EXPECT_EQ(guess().error().code, Code::too_many_requests);
}

// [U6] [U10]
TEST_P(Passwords, APasswordChangedDuringSignInsLeavesNoSessionOfTheOldOne) {
    const auto ada = world->sign_up(kAda);
    std::vector<Task<Result<bool>>> tasks;
    std::deque<Tokens> won;
    const auto sign_in = [&](World& w) -> Task<Result<bool>> {
        auto tokens = co_await w.auth().log_in(w.visitor(), {{kAda}, {std::string(World::kPassword)}, {}, {}});
        if (!tokens) co_return false;
        won.push_back(std::move(*tokens));
        co_return true;
    };
    const auto change_it = [&](World& w) -> Task<Result<bool>> {
        ChangePassword body{{std::string(World::kPassword)}, {"a new long password"}};
        auto done = co_await w.accounts().change_password(w.caller(ada), std::move(body));
        co_return done.has_value();
    };
    for (int i = 0; i < 3; ++i) tasks.push_back(sign_in(*world));
    tasks.push_back(change_it(*world));
    for (int i = 0; i < 3; ++i) tasks.push_back(sign_in(*world));
    const auto done = world->run_together(std::move(tasks));
    ASSERT_TRUE(*done[3]);
    for (const auto& tokens : won) EXPECT_FALSE(world->lets_in(tokens));
    const auto sessions = run(auth().list_sessions(world->caller(ada), {}));
    EXPECT_EQ(sessions->items.size(), 1U);
}

class Addresses : public test::ServiceTest {
protected:
    Result<http::Accepted<MailAnswer>> change(const Tokens& member, const std::string& email,
                                              std::string_view password = World::kPassword) {
        auto answer = run(accounts().change_email(world->caller(member), {{email}, {std::string(password)}}));
        world->send_mails();
        return answer;
    }
    Result<void> confirm(const Tokens& member, const std::string& code) {
        auto done = run(accounts().confirm_email(world->caller(member), {{code}}));
        world->send_mails();
        return done;
    }
};
GUILDHALL_OVER_BOTH_DATABASES(Addresses);

// [U2]
TEST_P(Addresses, ANewOneCountsFromItsVerificationAndTheOldOneHearsOfIt) {
    const auto ada = world->sign_up(kAda);
    ASSERT_TRUE(change(ada, kNew));
    EXPECT_EQ(run(users().me(world->caller(ada)))->email, kAda);
    EXPECT_EQ(world->mailer.subjects_to(kAda).back(), "A new address was asked for your account at Guildhall");
    const auto version = run(users().me(world->caller(ada)))->version;

    ASSERT_TRUE(confirm(ada, world->mailer.code_for(kNew)));
    const auto me = run(users().me(world->caller(ada)));
    EXPECT_EQ(me->email, kNew);
    EXPECT_GT(me->version, version) << "the entity tag changes with it";
    EXPECT_EQ(world->mailer.subjects_to(kAda).back(), "Your account at Guildhall has a new address");
    EXPECT_TRUE(world->log_in(kNew));
    EXPECT_FALSE(world->log_in(kAda));
    EXPECT_TRUE(world->lets_in(ada));
    EXPECT_NE(world->sign_up(kAda, "Somebody else").user_id, ada.user_id) << "the old one is free";
}

// [U2]
TEST_P(Addresses, NeedThePasswordAndAnotherAddress) {
    const auto ada = world->sign_up(kAda);
    const auto refused = change(ada, kNew, "wrong horse");
    EXPECT_EQ(refused.error().code, Code::forbidden);
    EXPECT_EQ(refused.error().errors.at(0).pointer, "/password");
    EXPECT_EQ(change(ada, kAda).error().problem, "same_email");
    EXPECT_TRUE(world->mailer.subjects_to(kNew).empty());
}

// [U2] [U12]
TEST_P(Addresses, ACodeWorksForItsMemberAndItsTimeAndDiesAfterFiveWrongTries) {
    const auto ada = world->sign_up(kAda);
    const auto bob = world->sign_up(kBob);
    EXPECT_EQ(confirm(ada, "22222222").error().problem, "invalid_code") << "nothing was asked for";
    ASSERT_TRUE(change(ada, kNew));
    const auto code = world->mailer.code_for(kNew);
    EXPECT_EQ(confirm(bob, code).error().problem, "invalid_code");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(confirm(ada, "22222222").error().code, Code::unprocessable);
    EXPECT_EQ(confirm(ada, code).error().problem, "invalid_code");
    world->clock.advance(minutes(1));
    ASSERT_TRUE(change(ada, kNew));
    world->clock.advance(minutes(15));
    EXPECT_EQ(confirm(ada, world->mailer.code_for(kNew)).error().problem, "invalid_code");
    EXPECT_EQ(run(users().me(world->caller(ada)))->email, kAda);
}

// [U2] [U43]
TEST_P(Addresses, OneThatHasAnAccountIsAnsweredAlike) {
    const auto ada = world->sign_up(kAda);
    world->sign_up(kBob);
    const auto answers = [&](const std::string& email) {
        const int before = world->database.calls();
        auto all = wire(change(ada, email));
        for (int i = 0; i < 3; ++i) all += wire(confirm(ada, "22222222"));
        return all + std::to_string(world->database.calls() - before);
    };
    EXPECT_EQ(answers(kBob), answers(kNew));
    EXPECT_EQ(world->mailer.subjects_to(kBob).back(), "This address already has an account at Guildhall");
    EXPECT_EQ(world->mailer.code_for(kBob), "");
}

// [U2]
TEST_P(Addresses, OneThatManyAskForIsGivenOnce) {
    const auto ada = world->sign_up(kAda);
    const auto bob = world->sign_up(kBob);
    ASSERT_TRUE(change(ada, kNew));
    ASSERT_TRUE(change(bob, kNew));
    const auto code = world->mailer.code_for(kNew);
    std::vector<Task<Result<bool>>> tries;
    const auto use = [&](const Tokens& member) -> Task<Result<bool>> {
        auto done = co_await accounts().confirm_email(world->caller(member), {{code}});
        co_return done.has_value();
    };
    tries.push_back(use(ada));
    tries.push_back(use(bob));
    int done = 0;
    for (const auto& is_done : world->run_together(std::move(tries))) done += is_done.value();
    EXPECT_EQ(done, 1);
    EXPECT_TRUE(world->log_in(kNew));
}

// [U2] An address that was registered in the meantime stays its owner's.
TEST_P(Addresses, OneThatGetsAnAccountInTheMeantimeIsRefused) {
    const auto ada = world->sign_up(kAda);
    ASSERT_TRUE(change(ada, kNew));
    const auto code = world->mailer.code_for(kNew);
    const auto owner = world->sign_up(kNew, "Newton");
    EXPECT_EQ(confirm(ada, code).error().problem, "invalid_code");
    EXPECT_EQ(run(users().me(world->caller(owner)))->email, kNew);
    EXPECT_EQ(run(users().me(world->caller(ada)))->email, kAda);
}

// [U2] [U6]
TEST_P(Addresses, AChangedPasswordStopsAChangeOfTheAddress) {
    const auto ada = world->sign_up(kAda);
    ASSERT_TRUE(change(ada, kNew));
    ChangePassword body{{std::string(World::kPassword)}, {std::string(kNewPassword)}};
    ASSERT_TRUE(run(accounts().change_password(world->caller(ada), std::move(body))));
    EXPECT_EQ(confirm(ada, world->mailer.code_for(kNew)).error().problem, "invalid_code");
}

class RecoveryStoreContract : public test::ServiceTest {
protected:
    template <class T, class Work>
    T in_transaction(Work work) {
        auto body = [&](sql::Transaction& tx) -> Task<Result<T>> { co_return co_await work(tx); };
        return run(world->database.transact<T>(body)).value();
    }
    template <class Work>
    void write(Work work) {
        auto body = [&](sql::Transaction& tx) -> Task<Result<void>> {
            co_await work(tx);
            co_return Result<void>{};
        };
        ASSERT_TRUE(run(world->database.transact<void>(body)));
    }
    bool take_turn(const std::string& email, std::chrono::seconds passed,
                   CodePurpose purpose = CodePurpose::registration) {
        return in_transaction<bool>([&](sql::Transaction& tx) {
            return store().take_turn(tx, email, purpose, {minutes(1), minutes(4)}, world->clock.now() + passed);
        });
    }
    RecoveryStore& store() {
        if (!store_) store_.emplace(world->database);
        return *store_;
    }
    std::optional<RecoveryStore> store_;
};
GUILDHALL_OVER_BOTH_DATABASES(RecoveryStoreContract);

// [F: throttle as a weapon]
TEST_P(RecoveryStoreContract, PausesDoubleUpToTheirMostAndBeginAnewAfterAnHour) {
    EXPECT_TRUE(take_turn(kAda, minutes(0)));
    EXPECT_FALSE(take_turn(kAda, std::chrono::seconds(59)));
    EXPECT_TRUE(take_turn(kBob, minutes(0))) << "another address";
    EXPECT_TRUE(take_turn(kAda, minutes(0), CodePurpose::password_reset)) << "another purpose";
    EXPECT_TRUE(take_turn(kAda, minutes(1)));
    EXPECT_FALSE(take_turn(kAda, minutes(2)));
    EXPECT_TRUE(take_turn(kAda, minutes(3)));
    EXPECT_TRUE(take_turn(kAda, minutes(7)));
    EXPECT_FALSE(take_turn(kAda, minutes(10)));
    EXPECT_TRUE(take_turn(kAda, minutes(11))) << "never longer than four minutes";
    EXPECT_TRUE(take_turn(kAda, minutes(71)));
    EXPECT_TRUE(take_turn(kAda, minutes(72)));
    EXPECT_TRUE(take_turn(kAda, minutes(0))) << "a clock that was set back holds nobody up";
}

TEST_P(RecoveryStoreContract, RemembersFiftyDevicesOfAMember) {
    const UserId ada{101};
    for (int i = 0; i < 60; ++i) {
        const auto at = world->clock.now() + std::chrono::seconds(i);
        write([&](sql::Transaction& tx) {
            return store().remember_device(tx, ada, marks_of("token " + std::to_string(i), ""), at);
        });
    }
    for (int i = 0; i < 60; ++i) {
        const auto known = run(store().find_known_device(ada, marks_of("token " + std::to_string(i), "")));
        EXPECT_EQ(known.has_value(), i >= 10) << i;
    }
    EXPECT_FALSE(run(store().find_known_device(UserId{102}, marks_of("token 59", ""))));
    EXPECT_FALSE(run(store().find_known_device(ada, {})));
    write([&](sql::Transaction& tx) { return store().forget_devices(tx, ada); });
    EXPECT_FALSE(run(store().find_known_device(ada, marks_of("token 59", ""))));
}

TEST_P(RecoveryStoreContract, KeepsTheNewestRequestsOfAnAddress) {
    for (int i = 0; i < 5; ++i) {
        const PasswordReset reset{kAda, std::to_string(i), 5, world->clock.now() + minutes(1 + i)};
        write([&](sql::Transaction& tx) { return store().insert_reset(tx, reset, 3); });
    }
    for (int i = 0; i < 5; ++i) {
        const bool is_there = in_transaction<bool>([&](sql::Transaction& tx) {
            return store().take_reset_try(tx, kAda, std::to_string(i), world->clock.now());
        });
        EXPECT_EQ(is_there, i >= 2) << i;
    }
}

TEST_P(RecoveryStoreContract, PrunesWhatHasExpiredAndNothingElse) {
    const Time now = world->clock.now();
    const UserId ada{101};
    const UserId bob{102};
    EXPECT_TRUE(take_turn(kAda, minutes(0)));
    EXPECT_TRUE(take_turn(kBob, minutes(30)));
    write([&](sql::Transaction& tx) -> Task<void> {
        co_await store().insert_code(tx, kAda, CodePurpose::registration, "old", now + minutes(15));
        co_await store().insert_code(tx, kAda, CodePurpose::password_reset, "living", now + minutes(90));
        co_await store().insert_reset(tx, {kAda, "old", 5, now + minutes(15)}, 9);
        co_await store().insert_reset(tx, {kAda, "living", 5, now + minutes(90)}, 9);
        co_await store().upsert_email_change(tx, {ada, kNew, kAda, 5, now + minutes(15)});
        co_await store().upsert_email_change(tx, {bob, kNew, kBob, 5, now + minutes(90)});
        co_await store().remember_device(tx, ada, marks_of("old", ""), now - std::chrono::days(90));
        co_await store().remember_device(tx, ada, marks_of("living", ""), now);
    });
    const Time later = now + minutes(60);
    EXPECT_TRUE(run(store().prune(later)));
    // What is left is found at a time at which what was pruned would be valid too.
    const auto redeem = [&](CodePurpose purpose, const std::string& hash) {
        return in_transaction<bool>(
            [&](sql::Transaction& tx) { return store().redeem_code(tx, kAda, purpose, hash, now); });
    };
    EXPECT_FALSE(redeem(CodePurpose::registration, "old"));
    EXPECT_TRUE(redeem(CodePurpose::password_reset, "living"));
    const auto has_reset = [&](const std::string& token) {
        return in_transaction<bool>([&](sql::Transaction& tx) { return store().take_reset_try(tx, kAda, token, now); });
    };
    EXPECT_FALSE(has_reset("old"));
    EXPECT_TRUE(has_reset("living"));
    const auto has_change = [&](UserId user) {
        return in_transaction<std::optional<EmailChange>>(
                   [&](sql::Transaction& tx) { return store().take_email_change_try(tx, user, now); })
            .has_value();
    };
    EXPECT_FALSE(has_change(ada));
    EXPECT_TRUE(has_change(bob));
    EXPECT_FALSE(run(store().find_known_device(ada, marks_of("old", ""))));
    EXPECT_TRUE(run(store().find_known_device(ada, marks_of("living", ""))));
    EXPECT_FALSE(take_turn(kBob, minutes(30))) << "its pause was not pruned";
}

}  // namespace
}  // namespace guildhall::user
