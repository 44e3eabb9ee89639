#include <cctype>
#include <deque>
#include <set>

#include "contract/user/service_fixture.hpp"

namespace guildhall::user {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using test::World;

const std::string kAda = "ada@example.org";
const std::string kBob = "bob@example.org";

class Accounts : public test::ServiceTest {};
GUILDHALL_OVER_BOTH_DATABASES(Accounts);

// [U1]
TEST_P(Accounts, ANewcomerRegistersVerifiesAndIsSignedIn) {
    const auto answer = ask(World::registration(kAda, "Ada Lovelace", "ada"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->value.status, "check_your_email");
    ASSERT_EQ(world->mailer.sent.size(), 1U);
    EXPECT_EQ(world->mailer.sent[0].to, kAda);

    const auto tokens = verify(kAda, world->mailer.code_for(kAda), answer->value.registration_token);
    ASSERT_TRUE(tokens);
    EXPECT_EQ(tokens->token_type, "Bearer");
    EXPECT_EQ(tokens->expires_in, 900);
    EXPECT_TRUE(world->lets_in(*tokens));
    const auto me = run(users().me(world->caller(*tokens)));
    ASSERT_TRUE(me);
    EXPECT_EQ(me->id, tokens->user_id);
    EXPECT_EQ(me->email, kAda);
    EXPECT_EQ(me->handle, "ada");
    EXPECT_EQ(me->name, "Ada Lovelace");
    EXPECT_EQ(world->event_types(), std::vector<std::string>{"user.registered.v1"});
}

// [U1]
TEST_P(Accounts, ARegistrationIsNobodyUntilItIsVerified) {
    const auto bob = world->sign_up("bob@example.org");
    ASSERT_TRUE(ask(World::registration(kAda, "Ada", "ada")));
    EXPECT_EQ(wire(world->log_in(kAda)), wire(world->log_in("nobody@example.org")));
    EXPECT_FALSE(run(users().find_by_handle(world->caller(bob), {"ada"})));
    EXPECT_EQ(run(world->directory().ids_of_handles({"ada"})), std::vector<UserId>{UserId{}});
    EXPECT_EQ(world->event_types().size(), 1U) << "only bob's";
}

// [U1]
TEST_P(Accounts, ACodeMayBeTypedInAnyCaseWithHyphens) {
    const auto token = ask_for_account(World::registration(kAda));
    auto code = world->mailer.code_for(kAda);
    for (char& c : code) c = static_cast<char>(std::tolower(c));
    EXPECT_TRUE(verify(kAda, code.substr(0, 4) + "-" + code.substr(4), token));
}

// [U1] [U2]
TEST_P(Accounts, ACodeWorksOnceForItsAddressAndForItsTime) {
    const auto token = ask_for_account(World::registration(kAda));
    const auto code = world->mailer.code_for(kAda);
    const auto wrong = wire(verify(kAda, "22222222", token));
    EXPECT_TRUE(wrong.starts_with("401"));
    EXPECT_EQ(wire(verify(kBob, code, token)), wrong);
    ASSERT_TRUE(verify(kAda, code, token));
    EXPECT_EQ(wire(verify(kAda, code, token)), wrong);

    const auto late = ask_for_account(World::registration(kBob));
    world->clock.advance(minutes(15));
    EXPECT_EQ(wire(verify(kBob, world->mailer.code_for(kBob), late)), wrong);
}

// [U1] A stranger asks with the owner's address and a password of the stranger's. The owner has the code but not the
// stranger's token, the stranger has that but no code: the password is never the stranger's.
TEST_P(Accounts, AStrangersLaterRegistrationChangesNothingOfTheOwners) {
    const auto owners = ask_for_account(World::registration(kAda, "Ada King"));
    const auto owners_code = world->mailer.code_for(kAda);
    auto body = World::registration(kAda, "Eve");
    body.password.value = "the password of eve";
    const auto strangers = ask_for_account(std::move(body));
    const auto code_for_stranger = world->mailer.code_for(kAda);
    ASSERT_NE(owners_code, code_for_stranger);

    EXPECT_EQ(verify(kAda, code_for_stranger, owners).error().problem, "invalid_code")
        << "the owner took the wrong mail";
    EXPECT_EQ(verify(kAda, owners_code, strangers).error().problem, "invalid_code") << "the owner lost a code";
    const auto tokens = verify(kAda, owners_code, owners);
    ASSERT_TRUE(tokens);
    EXPECT_EQ(run(users().me(world->caller(*tokens)))->name, "Ada King");
    EXPECT_TRUE(world->log_in(kAda));
    EXPECT_FALSE(world->log_in(kAda, "the password of eve"));
    EXPECT_FALSE(verify(kAda, code_for_stranger, strangers)) << "the address has its account";
    EXPECT_FALSE(world->log_in(kAda, "the password of eve"));
}

// [U1]
TEST_P(Accounts, ACodeWithoutItsTokenOpensNothing) {
    const auto token = ask_for_account(World::registration(kAda));
    const auto code = world->mailer.code_for(kAda);
    const auto wrong = wire(verify(kAda, "22222222", token));
    EXPECT_EQ(wire(verify(kAda, code, "invented")), wrong);
    EXPECT_EQ(wire(verify(kAda, code, hex(sha256(token)))), wrong);
    EXPECT_TRUE(verify(kAda, code, token)) << "what others try with tokens of their own costs none of the tries";
}

// [U1] Otherwise a person who reads a mail that somebody else asked for could be talked into entering its code.
TEST_P(Accounts, TheMailSaysWhereTheCodeWorksAndToGiveItToNobody) {
    ask_for_account(World::registration(kAda));
    const auto& text = world->mailer.sent.at(0).text;
    EXPECT_NE(text.find("it works nowhere else"), std::string::npos);
    EXPECT_NE(text.find("Give it to nobody"), std::string::npos);
}

// [U1] [U2] [U12]
TEST_P(Accounts, ACodeDiesAfterFiveWrongTries) {
    const auto token = ask_for_account(World::registration(kAda));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(verify(kAda, "22222222", token).error().problem, "invalid_code");
    EXPECT_EQ(verify(kAda, world->mailer.code_for(kAda), token).error().problem, "invalid_code");
}

// [U12] Else anybody could keep the owner of an address from opening the account.
TEST_P(Accounts, AStrangersWrongTriesDoNotStopTheOwner) {
    const auto token = ask_for_account(World::registration(kAda));
    const auto code = world->mailer.code_for(kAda);
    const auto strangers = ask_for_account(World::registration(kAda));
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(verify(kAda, "22222222", strangers));
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(verify(kAda, code, "invented " + std::to_string(i)));
    EXPECT_TRUE(verify(kAda, code, token));
}

// [U12]
TEST_P(Accounts, TriesOfOneRegistrationAreThrottled) {
    const auto token = ask_for_account(World::registration(kAda));
    for (int i = 0; i < 10; ++i) EXPECT_EQ(verify(kAda, "22222222", token).error().code, Code::unauthenticated);
    EXPECT_EQ(verify(kAda, "22222222", token).error().code, Code::too_many_requests);
}

// [U1]
TEST_P(Accounts, ManyWhoRegisterOneAddressAtOnceMakeOneAccount) {
    std::vector<Task<Result<http::Accepted<RegisterAnswer>>>> asks;
    for (int i = 0; i < 4; ++i) asks.push_back(auth().register_member(world->visitor(), World::registration(kAda)));
    std::set<std::string> tokens;
    for (const auto& answer : world->run_together(std::move(asks))) {
        ASSERT_TRUE(answer);
        tokens.insert(answer->value.registration_token);
    }
    EXPECT_EQ(tokens.size(), 4U) << "each has a token of its own";

    // Which mail is whose is not known: each tries all of them, all at once.
    std::vector<Task<Result<Tokens>>> tries;
    for (const auto& token : tokens) {
        for (const auto& mail : world->mailer.sent) {
            const auto code = mail.text.substr(mail.text.find("Code: ") + 6, 8);
            tries.push_back(auth().verify_email(world->visitor(), {{kAda}, {code}, {token}, {}}));
        }
    }
    int opened = 0;
    for (const auto& session : world->run_together(std::move(tries))) opened += session.has_value();
    EXPECT_EQ(opened, 1);
    EXPECT_EQ(world->event_types().size(), 1U);
}

// [U1]
TEST_P(Accounts, OneCodeUsedByManyAtOnceOpensOneAccount) {
    const auto token = ask_for_account(World::registration(kAda));
    const auto code = world->mailer.code_for(kAda);
    std::vector<Task<Result<Tokens>>> tries;
    for (int i = 0; i < 5; ++i) tries.push_back(auth().verify_email(world->visitor(), {{kAda}, {code}, {token}, {}}));
    int opened = 0;
    for (const auto& tokens : world->run_together(std::move(tries))) opened += tokens.has_value();
    EXPECT_EQ(opened, 1);
    EXPECT_EQ(world->event_types().size(), 1U);
}

// [U1]
TEST_P(Accounts, AHandleAskedForByManyAtOnceIsKeptForOne) {
    std::vector<Task<Result<http::Accepted<RegisterAnswer>>>> asks;
    for (int i = 0; i < 8; ++i)
        asks.push_back(auth().register_member(
            world->visitor(), World::registration("m" + std::to_string(i) + "@example.org", "M", "wanted")));
    int accepted = 0;
    for (const auto& answer : world->run_together(std::move(asks))) {
        accepted += answer.has_value();
        if (answer) continue;
        EXPECT_EQ(answer.error().problem, "handle_taken");
        EXPECT_EQ(answer.error().errors.at(0).pointer, "/handle");
    }
    EXPECT_EQ(accepted, 1);
}

// [U1] [U17]
TEST_P(Accounts, ATakenOrReservedHandleIsRefusedAndNamed) {
    world->sign_up(kAda, "Ada", "ada");
    for (const auto* handle : {"ada", "admin"}) {
        const auto answer = ask(World::registration("bob@example.org", "Bob", handle));
        ASSERT_FALSE(answer) << handle;
        EXPECT_EQ(answer.error().code, Code::conflict);
        EXPECT_EQ(answer.error().problem, "handle_taken");
        EXPECT_EQ(answer.error().errors.at(0).pointer, "/handle");
    }
}

// [U1]
TEST_P(Accounts, MembersOfOneNameGetHandlesOfTheirOwn) {
    std::set<std::string> handles;
    for (int i = 0; i < 20; ++i) {
        const auto tokens = world->sign_up("m" + std::to_string(i) + "@example.org", "Jane Doe");
        handles.insert(run(users().me(world->caller(tokens)))->handle);
    }
    EXPECT_EQ(handles.size(), 20U);
    EXPECT_TRUE(handles.contains("jane-doe"));
}

// [U43]
TEST_P(Accounts, RegisteringAnswersAKnownAndAnUnknownAddressAlike) {
    world->sign_up(kAda);
    const auto known = ask(World::registration(kAda));
    const auto unknown = ask(World::registration("new@example.org"));
    ASSERT_TRUE(known);
    ASSERT_TRUE(unknown);
    EXPECT_EQ(known->value.status, unknown->value.status);
    EXPECT_EQ(known->value.registration_token.size(), unknown->value.registration_token.size());
    EXPECT_EQ(world->mailer.code_for(kAda), "") << "the owner gets a mail without a code";
    EXPECT_NE(world->mailer.code_for("new@example.org"), "");
    EXPECT_TRUE(world->log_in(kAda)) << "nothing has changed for the owner";
}

// [U43] Else the token would tell what the answer does not.
TEST_P(Accounts, ATokenDoesTheSameForAKnownAddress) {
    world->sign_up(kAda);
    const auto known = ask_for_account(World::registration(kAda));
    const auto unknown = ask_for_account(World::registration("new@example.org"));
    const auto guesses = [&](const std::string& email, const std::string& token) {
        std::vector<std::string> answers;
        const int before = world->database.calls();
        for (int i = 0; i < 12; ++i) answers.push_back(wire(verify(email, "22222222", token)));
        answers.push_back(std::to_string(world->database.calls() - before));
        return answers;
    };
    EXPECT_EQ(guesses(kAda, known), guesses("new@example.org", unknown));
    // Both have the same tries to count down: a write of the same cost.
    UserStore store(world->database);
    const auto again = ask_for_account(World::registration(kAda));
    auto take = [&](sql::Transaction& tx) -> Task<Result<bool>> {
        const auto pending = co_await store.take_try(tx, kAda, hex(sha256(again)), world->clock.now());
        co_return pending.has_value();
    };
    EXPECT_TRUE(run(world->database.transact<bool>(take)).value());
}

// [U43] Else a second registration could ask for the same handle and see whether the first one kept it.
TEST_P(Accounts, ARegistrationOfAKnownAddressKeepsItsHandleLikeAnyOther) {
    world->sign_up(kAda);
    ASSERT_TRUE(ask(World::registration(kAda, "Eve", "probe-one")));
    ASSERT_TRUE(ask(World::registration("new@example.org", "Eve", "probe-two")));
    const auto known = wire(ask(World::registration("eve@example.org", "Eve", "probe-one")));
    const auto unknown = wire(ask(World::registration("eve@example.org", "Eve", "probe-two")));
    EXPECT_EQ(known, unknown);
    EXPECT_NE(known, "ok");
}

// [U43]
TEST_P(Accounts, RegisteringCostsAsManyStatementsForAKnownAddress) {
    world->sign_up(kAda);
    const auto calls_of = [&](const std::string& email) {
        const int before = world->database.calls();
        EXPECT_TRUE(ask(World::registration(email)));
        return world->database.calls() - before;
    };
    EXPECT_EQ(calls_of(kAda), calls_of("new@example.org"));
}

// [U12] [U43]
TEST_P(Accounts, RegistrationsOfOneAddressAreLimitedWhetherItIsKnownOrNot) {
    world->sign_up(kAda);
    const auto accepted = [&](const std::string& email) {
        int count = 0;
        while (ask(World::registration(email))) ++count;
        return count;
    };
    EXPECT_EQ(accepted(kAda) + 1, accepted("new@example.org"));  // ada has registered once before
    EXPECT_EQ(ask(World::registration(kAda)).error().code, Code::too_many_requests);
}

// [U12]
TEST_P(Accounts, RegistrationsFromOneNetworkAddressAreLimited) {
    world->request.ip = "198.51.100.7";
    const auto ask_as = [&](int n) { return ask(World::registration("m" + std::to_string(n) + "@example.org")); };
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(ask_as(i)) << i;
    const std::size_t mails = world->mailer.sent.size();
    const auto refused = ask_as(50);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::too_many_requests);
    EXPECT_EQ(refused.error().retry_after, minutes(15));
    EXPECT_EQ(world->mailer.sent.size(), mails);
    world->request.ip = "198.51.100.8";
    EXPECT_TRUE(ask_as(51));
    world->request.ip = "198.51.100.7";
    EXPECT_TRUE(world->log_in("nobody@example.org").error().code == Code::unauthenticated)
        << "sign-in is counted apart";
    world->clock.advance(minutes(15));
    EXPECT_TRUE(ask_as(52));
}

TEST_P(Accounts, AMailThatCannotBeSentIsSentLater) {
    world->mailer.is_broken = true;
    const auto token = ask_for_account(World::registration(kAda));
    EXPECT_TRUE(world->mailer.sent.empty());
    run(world->module->maintain());
    EXPECT_TRUE(world->mailer.sent.empty());

    world->mailer.is_broken = false;
    world->clock.advance(minutes(1));
    run(world->module->maintain());
    ASSERT_EQ(world->mailer.sent.size(), 1U);
    EXPECT_TRUE(verify(kAda, world->mailer.code_for(kAda), token));
    world->clock.advance(minutes(10));
    run(world->module->maintain());
    EXPECT_EQ(world->mailer.sent.size(), 1U) << "once";
}

TEST_P(Accounts, AMailOfADeadCodeIsNotSent) {
    world->mailer.is_broken = true;
    ASSERT_TRUE(ask(World::registration(kAda)));
    world->mailer.is_broken = false;
    world->clock.advance(minutes(16));
    run(world->module->maintain());
    EXPECT_TRUE(world->mailer.sent.empty());
}

class SignIn : public test::ServiceTest {};
GUILDHALL_OVER_BOTH_DATABASES(SignIn);

// [U3]
TEST_P(SignIn, GivesTokensOfANewSession) {
    const auto first = world->sign_up(kAda);
    const auto second = world->log_in(kAda);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->user_id, first.user_id);
    EXPECT_NE(second->session_id, first.session_id);
    EXPECT_NE(second->refresh_token, first.refresh_token);
    EXPECT_TRUE(world->lets_in(*second));
}

// [U3]
TEST_P(SignIn, AnAccessTokenLivesAQuarterOfAnHour) {
    const auto tokens = world->sign_up(kAda);
    world->clock.advance(minutes(15) + seconds(1));
    EXPECT_FALSE(world->lets_in(tokens));
}

// [U3] [U43]
TEST_P(SignIn, RefusesWrongPasswordAndUnknownAccountByteForByteAlike) {
    world->sign_up(kAda);
    const auto wrong = wire(world->log_in(kAda, "wrong horse"));
    EXPECT_EQ(wrong, wire(world->log_in("nobody@example.org", "wrong horse")));
    EXPECT_TRUE(wrong.starts_with("401"));
    EXPECT_NE(wrong.find("\"invalid_credentials\""), std::string::npos);
}

// [U43]
TEST_P(SignIn, AsksTheDatabaseAsOftenForAnUnknownAccount) {
    world->sign_up(kAda);
    const auto calls_of = [&](const std::string& email) {
        const int before = world->database.calls();
        EXPECT_FALSE(world->log_in(email, "wrong horse"));
        return world->database.calls() - before;
    };
    EXPECT_EQ(calls_of(kAda), calls_of("nobody@example.org"));
}

// [U3]
TEST_P(SignIn, LoggingOutEndsTheSessionAtOnce) {
    const auto tokens = world->sign_up(kAda);
    const auto other = world->log_in(kAda);
    ASSERT_TRUE(run(auth().log_out(world->caller(tokens))));
    EXPECT_FALSE(world->lets_in(tokens));
    EXPECT_EQ(refresh(tokens.refresh_token).error().code, Code::unauthenticated);
    EXPECT_TRUE(world->lets_in(*other));
    EXPECT_TRUE(run(auth().log_out(world->caller(tokens)))) << "again is no error";
}

// [U5]
TEST_P(SignIn, HashesAnewWhenTheCostHasChanged) {
    ImportedMember member{kAda, "Ada", "ada", "", "", "", "", world->clock.now()};
    Pool pool("older", 1, 4);
    PasswordHasher older(pool, {32, 2, 1});
    member.password_hash = run(older.hash(std::string(World::kPassword)));
    const auto user = run(users().import_members({member}))->at(0);
    UserStore store(world->database);

    ASSERT_TRUE(world->log_in(kAda));
    const auto hash = run(store.find_credentials(user))->password_hash;
    EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$")) << hash;
    ASSERT_TRUE(world->log_in(kAda));
    EXPECT_EQ(run(store.find_credentials(user))->password_hash, hash) << "only once";
}

// [U3] [U5] Each of them rehashes; the one that comes second must not take the first one's hash for a changed
// password.
TEST_P(SignIn, ManyAtOnceSucceedWhileTheHashIsMadeAnew) {
    ImportedMember member{kAda, "Ada", "ada", "", "", "", "", world->clock.now()};
    Pool pool("older", 1, 4);
    PasswordHasher older(pool, {32, 2, 1});
    member.password_hash = run(older.hash(std::string(World::kPassword)));
    run(users().import_members({member})).value();

    std::vector<Task<Result<Tokens>>> tries;
    for (int i = 0; i < 4; ++i)
        tries.push_back(auth().log_in(world->visitor(), {{kAda}, {std::string(World::kPassword)}, {}}));
    for (const auto& tokens : world->run_together(std::move(tries))) EXPECT_TRUE(tokens);
    EXPECT_TRUE(world->log_in(kAda));
}

// [U5]
TEST_P(SignIn, NoPasswordIsStoredInTheClear) {
    const auto tokens = world->sign_up(kAda);
    UserStore store(world->database);
    const auto hash = run(store.find_credentials(tokens.user_id))->password_hash;
    EXPECT_TRUE(hash.starts_with("$argon2id$v=19$"));
    EXPECT_EQ(hash.find(World::kPassword), std::string::npos);
}

TEST_P(SignIn, AnImportedMemberWithoutPasswordCannotSignIn) {
    run(users().import_members({{kAda, "Ada", "ada", "", "", "", "", world->clock.now()}})).value();
    EXPECT_FALSE(world->log_in(kAda, "!"));
}

// [U12]
TEST_P(SignIn, TenFailuresLockTheAccountForAQuarterOfAnHour) {
    const auto tokens = world->sign_up(kAda);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(world->log_in(kAda, "wrong horse").error().code, Code::unauthenticated);
    const auto locked = world->log_in(kAda);
    ASSERT_FALSE(locked);
    EXPECT_EQ(locked.error().code, Code::too_many_requests);
    EXPECT_EQ(locked.error().retry_after, minutes(15));
    EXPECT_TRUE(world->lets_in(tokens)) << "who is signed in stays so";
    world->clock.advance(minutes(15));
    EXPECT_TRUE(world->log_in(kAda));
}

// [U12] [U43]
TEST_P(SignIn, AnUnknownAccountIsLockedByteForByteAlike) {
    world->sign_up(kAda);
    std::vector<std::string> known;
    std::vector<std::string> unknown;
    for (int i = 0; i < 12; ++i) known.push_back(wire(world->log_in(kAda, "wrong horse")));
    for (int i = 0; i < 12; ++i) unknown.push_back(wire(world->log_in("nobody@example.org", "wrong horse")));
    EXPECT_EQ(known, unknown);
    EXPECT_TRUE(known.back().starts_with("429"));
}

// [U12]
TEST_P(SignIn, ASuccessForgivesTheAccountsFailures) {
    world->sign_up(kAda);
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 9; ++i) EXPECT_FALSE(world->log_in(kAda, "wrong horse"));
        EXPECT_TRUE(world->log_in(kAda));
    }
}

// [U12]
TEST_P(SignIn, OneAddressThatTriesManyAccountsIsLockedAndOthersAreNot) {
    world->sign_up(kAda);
    world->request.ip = "198.51.100.7";
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(world->log_in("m" + std::to_string(i) + "@example.org", "wrong horse").error().code,
                  Code::unauthenticated);
    EXPECT_EQ(world->log_in(kAda).error().code, Code::too_many_requests);
    world->request.ip = "198.51.100.8";
    EXPECT_TRUE(world->log_in(kAda));
}

class BusySignIn : public SignIn {};
GUILDHALL_OVER_BOTH_DATABASES(BusySignIn);

// [U12] A refused check is no failed guess.
TEST_P(BusySignIn, APoolThatIsFullLocksNobodyOut) {
    world->sign_up(kAda);
    std::size_t taken = 0;
    try {
        for (;; ++taken) world->module->hashing().enter();
    } catch (const Unavailable&) {
    }
    for (int i = 0; i < 12; ++i) EXPECT_THROW((void)world->log_in(kAda), Unavailable);
    for (; taken > 0; --taken) world->module->hashing().leave();
    EXPECT_TRUE(world->log_in(kAda));
}

class RefreshTokens : public test::ServiceTest {};
GUILDHALL_OVER_BOTH_DATABASES(RefreshTokens);

// [U4]
TEST_P(RefreshTokens, AreRotatedWithinTheSession) {
    const auto tokens = world->sign_up(kAda);
    const auto next = refresh(tokens.refresh_token);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->session_id, tokens.session_id);
    EXPECT_NE(next->refresh_token, tokens.refresh_token);
    EXPECT_TRUE(world->lets_in(*next));
    EXPECT_TRUE(refresh(next->refresh_token));
}

// [U4]
TEST_P(RefreshTokens, AReplayEndsTheWholeFamily) {
    const auto tokens = world->sign_up(kAda);
    const auto other = world->log_in(kAda);
    const auto next = refresh(tokens.refresh_token);
    EXPECT_EQ(refresh(tokens.refresh_token).error().problem, "invalid_refresh_token");
    EXPECT_FALSE(refresh(next->refresh_token));
    EXPECT_FALSE(world->lets_in(*next));
    EXPECT_TRUE(world->lets_in(*other)) << "another session lives on";
    EXPECT_TRUE(refresh(other->refresh_token));
}

// [U4]
TEST_P(RefreshTokens, AnOldTokenOfALongChainStillEndsTheFamily) {
    const auto tokens = world->sign_up(kAda);
    auto last = tokens;
    for (int i = 0; i < 5; ++i) last = refresh(last.refresh_token).value();
    EXPECT_FALSE(refresh(tokens.refresh_token));
    EXPECT_FALSE(refresh(last.refresh_token));
}

// [U4]
TEST_P(RefreshTokens, UsedByManyAtOnceAreGivenOnce) {
    const auto tokens = world->sign_up(kAda);
    std::vector<Task<Result<Tokens>>> tries;
    for (int i = 0; i < 8; ++i) tries.push_back(auth().refresh(world->visitor(), {{tokens.refresh_token}}));
    std::vector<Tokens> won;
    for (auto& next : world->run_together(std::move(tries)))
        if (next) won.push_back(std::move(*next));
    ASSERT_EQ(won.size(), 1U);
    EXPECT_FALSE(refresh(won[0].refresh_token)) << "the others were replays";
    EXPECT_FALSE(world->lets_in(won[0]));
}

// [U4]
TEST_P(RefreshTokens, ExpireAndAreNotInvented) {
    const auto tokens = world->sign_up(kAda);
    const auto unknown = wire(refresh("invented"));
    world->clock.advance(std::chrono::days(30));
    EXPECT_EQ(wire(refresh(tokens.refresh_token)), unknown);
}

// [U4]
TEST_P(RefreshTokens, AreStoredAsHashesOnly) {
    const auto tokens = world->sign_up(kAda);
    UserStore store(world->database);
    EXPECT_FALSE(run(store.find_refresh_token(tokens.refresh_token)));
    EXPECT_TRUE(run(store.find_refresh_token(hex(sha256(tokens.refresh_token)))));
}

class Sessions : public test::ServiceTest {
protected:
    std::vector<Session> list(const Tokens& member, int limit = 100) {
        std::vector<Session> all;
        json::PageQuery query{{limit}, {}};
        for (;;) {
            auto page = run(auth().list_sessions(world->caller(member), query)).value();
            all.insert(all.end(), page.items.begin(), page.items.end());
            if (!page.next_cursor) return all;
            query.cursor = json::CursorText{*page.next_cursor};
        }
    }
};
GUILDHALL_OVER_BOTH_DATABASES(Sessions);

// [U10]
TEST_P(Sessions, AreListedNewestFirstWithWhereTheyCameFrom) {
    const auto first = world->sign_up(kAda);
    world->sign_up("bob@example.org");
    world->request.ip = "192.0.2.77";
    world->request.user_agent = "phone\xff/1.0";
    world->clock.advance(minutes(1));
    const auto second =
        run(auth().log_in(world->visitor(), {{kAda}, {std::string(World::kPassword)}, json::Line<1, 100>{"Phone"}}));
    const auto sessions = list(first);
    ASSERT_EQ(sessions.size(), 2U);
    EXPECT_EQ(sessions[0].id, second->session_id);
    EXPECT_EQ(sessions[0].ip, "192.0.2.77");
    EXPECT_EQ(sessions[0].user_agent, "phone?/1.0");
    EXPECT_EQ(sessions[0].device, "Phone");
    EXPECT_EQ(sessions[0].created_at, world->clock.now());
    EXPECT_FALSE(sessions[0].is_current);
    EXPECT_TRUE(sessions[1].is_current);
}

// [U10]
TEST_P(Sessions, TellWhenTheyWereLastRefreshed) {
    const auto tokens = world->sign_up(kAda);
    world->clock.advance(minutes(10));
    ASSERT_TRUE(refresh(tokens.refresh_token));
    const auto session = list(tokens).at(0);
    EXPECT_EQ(session.last_seen_at, world->clock.now());
    EXPECT_EQ(session.created_at, world->clock.now() - minutes(10));
}

// [U10]
TEST_P(Sessions, ArePaged) {
    const auto tokens = world->sign_up(kAda);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(world->log_in(kAda));
    EXPECT_EQ(list(tokens, 2).size(), 5U);
    json::PageQuery query{{2}, json::CursorText{Cursor{"user.blocks", {1}, {}}.encode()}};
    EXPECT_EQ(run(auth().list_sessions(world->caller(tokens), query)).error().code, Code::invalid);
}

// [U10]
TEST_P(Sessions, OneIsEndedByItsOwnerOnly) {
    const auto ada = world->sign_up(kAda);
    const auto other = world->log_in(kAda);
    const auto bob = world->sign_up("bob@example.org");
    EXPECT_EQ(run(auth().end_session(world->caller(bob), ada.session_id)).error().code, Code::not_found);
    EXPECT_TRUE(world->lets_in(ada));
    ASSERT_TRUE(run(auth().end_session(world->caller(ada), other->session_id)));
    EXPECT_FALSE(world->lets_in(*other));
    EXPECT_FALSE(refresh(other->refresh_token));
    EXPECT_EQ(list(ada).size(), 1U);
}

// [U10]
TEST_P(Sessions, AllOthersAreEnded) {
    const auto ada = world->sign_up(kAda);
    const auto second = world->log_in(kAda);
    const auto third = world->log_in(kAda);
    const auto bob = world->sign_up("bob@example.org");
    ASSERT_TRUE(run(auth().end_other_sessions(world->caller(ada))));
    EXPECT_FALSE(world->lets_in(*second));
    EXPECT_FALSE(world->lets_in(*third));
    EXPECT_TRUE(world->lets_in(ada));
    EXPECT_TRUE(world->lets_in(bob));
    EXPECT_TRUE(refresh(ada.refresh_token));
}

// [U3] [U10]
TEST_P(Sessions, AChangedPasswordEndsTheOthers) {
    const auto ada = world->sign_up(kAda);
    const auto other = world->log_in(kAda);
    const auto change = [&](const std::string& current) {
        return run(auth().change_password(world->caller(ada), {{current}, {"a new long password"}}));
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
}

// [U10] [U12]
TEST_P(Sessions, GuessingTheCurrentPasswordIsLocked) {
    const auto ada = world->sign_up(kAda);
    const auto guess = [&] {
        return run(auth().change_password(world->caller(ada), {{"wrong horse"}, {"a new long password"}}));
    };
    for (int i = 0; i < 10; ++i) EXPECT_EQ(guess().error().code, Code::forbidden);
    EXPECT_EQ(guess().error().code, Code::too_many_requests);
}

// [U10]
TEST_P(Sessions, APasswordChangedDuringSignInsLeavesNoSessionOfTheOldOne) {
    const auto ada = world->sign_up(kAda);
    std::vector<Task<Result<bool>>> tasks;
    std::deque<Tokens> won;
    const auto sign_in = [&](World& w) -> Task<Result<bool>> {
        auto tokens = co_await w.auth().log_in(w.visitor(), {{kAda}, {std::string(World::kPassword)}, {}});
        if (!tokens) co_return false;
        won.push_back(std::move(*tokens));
        co_return true;
    };
    const auto change_it = [&](World& w) -> Task<Result<bool>> {
        ChangePassword body{{std::string(World::kPassword)}, {"a new long password"}};
        auto done = co_await w.auth().change_password(w.caller(ada), std::move(body));
        co_return done.has_value();
    };
    for (int i = 0; i < 3; ++i) tasks.push_back(sign_in(*world));
    tasks.push_back(change_it(*world));
    for (int i = 0; i < 3; ++i) tasks.push_back(sign_in(*world));
    const auto done = world->run_together(std::move(tasks));
    ASSERT_TRUE(*done[3]);
    for (const auto& tokens : won) EXPECT_FALSE(world->lets_in(tokens));
    EXPECT_EQ(list(ada).size(), 1U);
}

class Revocations : public test::ServiceTest {};
GUILDHALL_OVER_BOTH_DATABASES(Revocations);

// [U3] [U10]
TEST_P(Revocations, AnotherReplicaKnowsThemAfterItsNextMaintenance) {
    const auto tokens = world->sign_up(kAda);
    const auto claims = world->verifier.verify(tokens.access_token).value();
    Module replica(world->base, world->needs(), {});
    run(replica.maintain());
    ASSERT_TRUE(run(auth().log_out(world->caller(tokens))));
    EXPECT_FALSE(replica.revocations().is_revoked(claims));
    run(replica.maintain());
    EXPECT_TRUE(replica.revocations().is_revoked(claims));
}

// [U3] The truth is in SQL: a restart forgets nothing.
TEST_P(Revocations, AReplicaThatStartsKnowsThem) {
    const auto tokens = world->sign_up(kAda);
    const auto claims = world->verifier.verify(tokens.access_token).value();
    ASSERT_TRUE(run(auth().log_out(world->caller(tokens))));
    world->clock.advance(minutes(14));
    Module replica(world->base, world->needs(), {});
    run(replica.maintain());
    EXPECT_TRUE(replica.revocations().is_revoked(claims));
}

TEST_P(Revocations, AreForgottenWhenNoTokenCanLiveAnyMore) {
    const auto tokens = world->sign_up(kAda);
    const auto claims = world->verifier.verify(tokens.access_token).value();
    ASSERT_TRUE(run(auth().log_out(world->caller(tokens))));
    world->clock.advance(minutes(15) + seconds(59));
    run(world->module->maintain());
    EXPECT_TRUE(world->module->revocations().is_revoked(claims));
    world->clock.advance(seconds(2));
    run(world->module->maintain());
    EXPECT_FALSE(world->module->revocations().is_revoked(claims));
}

class Upkeep : public test::ServiceTest {};
GUILDHALL_OVER_BOTH_DATABASES(Upkeep);

// [U3] What keeps a thief out comes first, whatever else cannot be done.
TEST_P(Upkeep, RevocationsAreLoadedWhileTheKeysCannotBe) {
    const auto tokens = world->sign_up(kAda);
    const auto claims = world->verifier.verify(tokens.access_token).value();
    Module replica(world->base, world->needs(), {});
    run(replica.maintain());
    ASSERT_TRUE(run(auth().log_out(world->caller(tokens))));
    world->database.broken_read = "user.list_keys";
    EXPECT_NO_THROW(run(replica.maintain()));
    EXPECT_TRUE(replica.revocations().is_revoked(claims));
}

TEST_P(Upkeep, WaitingMailIsSentWhileTheRevocationsCannotBeLoaded) {
    world->mailer.is_broken = true;
    ASSERT_TRUE(ask(World::registration(kAda)));
    world->mailer.is_broken = false;
    world->clock.advance(minutes(1));
    world->database.broken_read = "user.list_revoked";
    EXPECT_NO_THROW(run(world->module->maintain()));
    EXPECT_EQ(world->mailer.sent.size(), 1U);
}

class Keys : public test::ServiceTest {
protected:
    std::vector<std::string> kids() {
        UserStore store(world->database);
        std::vector<std::string> all;
        for (const auto& key : run(store.list_keys(world->clock.now()))) all.push_back(key.kid);
        return all;
    }
};
GUILDHALL_OVER_BOTH_DATABASES(Keys);

// [U3]
TEST_P(Keys, ANewKeySignsOnlyAfterEveryReplicaKnowsItAndTheOldOneGoesOnVerifying) {
    const auto first = kids();
    ASSERT_EQ(first.size(), 1U);
    world->sign_up(kAda);
    world->clock.advance(std::chrono::days(30));
    run(world->module->maintain());
    EXPECT_EQ(kids().size(), 2U);
    const auto before = world->log_in(kAda);
    const auto head = [](const Tokens& tokens) {
        return from_base64url(tokens.access_token.substr(0, tokens.access_token.find('.'))).value();
    };
    EXPECT_NE(head(*before).find(first[0]), std::string::npos);

    world->clock.advance(minutes(2));
    run(world->module->maintain());
    const auto after = world->log_in(kAda);
    EXPECT_EQ(head(*after).find(first[0]), std::string::npos);
    EXPECT_TRUE(world->lets_in(*before));
    EXPECT_TRUE(world->lets_in(*after));
}

// [U3]
TEST_P(Keys, OfReplicasThatStartTogetherOneSigns) {
    Module replica(world->base, world->needs(), {});
    run(replica.maintain());
    EXPECT_EQ(kids().size(), 1U);
    const auto document = run(auth().jwks(world->visitor()));
    EXPECT_EQ(run(replica.auth().jwks(world->visitor()))->body, document->body);
    EXPECT_EQ(document->content_type, "application/jwk-set+json");
    EXPECT_EQ(document->body.find("\"d\""), std::string::npos) << "the private half stays here";
}

TEST_P(Keys, BeforeTheyAreLoadedNobodyIsSignedIn) {
    world->sign_up(kAda);
    Options options;
    options.argon2 = {64, 1, 1};
    Module replica(world->base, world->needs(), options);
    EXPECT_THROW((void)run(replica.auth().log_in(world->visitor(), {{kAda}, {std::string(World::kPassword)}, {}})),
                 Unavailable);
}

}  // namespace
}  // namespace guildhall::user
