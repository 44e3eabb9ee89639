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

// [U1] [U2] [F: a wrong mailed code is 401]
TEST_P(Accounts, ACodeWorksOnceForItsAddressAndForItsTime) {
    const auto token = ask_for_account(World::registration(kAda));
    const auto code = world->mailer.code_for(kAda);
    const auto wrong = wire(verify(kAda, "22222222", token));
    EXPECT_TRUE(wrong.starts_with("422"));
    EXPECT_NE(wrong.find("\"invalid_code\""), std::string::npos);
    EXPECT_EQ(wire(verify(kBob, code, token)), wrong);
    ASSERT_TRUE(verify(kAda, code, token));
    EXPECT_EQ(wire(verify(kAda, code, token)), wrong);

    const auto late = ask_for_account(World::registration(kBob));
    world->clock.advance(minutes(15));
    EXPECT_EQ(wire(verify(kBob, world->mailer.code_for(kBob), late)), wrong);
}

// [U1] A stranger asks with the owner's address and a password of the stranger's. The owner can read the code but has
// not the stranger's token, the stranger has that but cannot read the code: the password is never the stranger's.
TEST_P(Accounts, AStrangersLaterRegistrationChangesNothingOfTheOwners) {
    const auto owners = ask_for_account(World::registration(kAda, "Ada King"));
    auto body = World::registration(kAda, "Eve");
    body.password.value = "the password of eve";
    const auto strangers = ask_for_account(std::move(body));
    const auto code = world->mailer.code_for(kAda);

    const auto tokens = verify(kAda, code, owners);
    ASSERT_TRUE(tokens);
    EXPECT_EQ(run(users().me(world->caller(*tokens)))->name, "Ada King");
    EXPECT_TRUE(world->log_in(kAda));
    EXPECT_FALSE(world->log_in(kAda, "the password of eve"));
    EXPECT_FALSE(verify(kAda, code, strangers)) << "the address has its account";
    EXPECT_FALSE(world->log_in(kAda, "the password of eve"));
}

// [F: throttle as a weapon] Twenty requests for one address are one mail, which also the last of them can use.
TEST_P(Accounts, ManyRequestsForOneAddressShareAMail) {
    std::string last;
    for (int i = 0; i < 20; ++i) {
        world->request.ip = "198.51.100." + std::to_string(i);
        last = ask_for_account(World::registration(kAda));
    }
    EXPECT_EQ(world->mailer.sent.size(), 1U);
    EXPECT_TRUE(verify(kAda, world->mailer.code_for(kAda), last));
}

// [F: throttle as a weapon] The pauses grow, and at each moment a code of the last mail works.
TEST_P(Accounts, AnAddressThatIsAskedForAllTheTimeGetsFewMailsAndAlwaysHasACode) {
    for (int minute = 0; minute < 120; ++minute) {
        world->request.ip = "198.51.100." + std::to_string(minute);
        ask_for_account(World::registration(kAda));
        world->clock.advance(minutes(1));
    }
    EXPECT_LE(world->mailer.sent.size(), 16U);
    EXPECT_GE(world->mailer.sent.size(), 12U);
    EXPECT_TRUE(verify(kAda, world->mailer.code_for(kAda), ask_for_account(World::registration(kAda))));
}

// [F: throttle as a weapon] A stranger who asks for an address again and again does not keep its owner from asking.
TEST_P(Accounts, RequestsOfStrangersDoNotStopTheOwner) {
    world->request.ip = "198.51.100.66";
    while (ask(World::registration(kAda))) {
    }
    world->request.ip = "192.0.2.1";
    EXPECT_TRUE(verify(kAda, world->mailer.code_for(kAda), ask_for_account(World::registration(kAda))));
}

// [U2]
TEST_P(Accounts, ACodeIsMailedAgainAfterAPauseAndBothWork) {
    const auto resend = [&](const std::string& token) {
        auto answer = run(auth().resend_code(world->visitor(), {{kAda}, {token}}));
        world->send_mails();
        return answer;
    };
    const auto token = ask_for_account(World::registration(kAda));
    const auto first = world->mailer.code_for(kAda);
    ASSERT_TRUE(resend(token));
    EXPECT_EQ(world->mailer.sent.size(), 1U) << "too early";
    world->clock.advance(minutes(1));
    ASSERT_TRUE(resend(token));
    ASSERT_EQ(world->mailer.sent.size(), 2U);
    EXPECT_NE(world->mailer.code_for(kAda), first);
    world->clock.advance(minutes(13));
    EXPECT_TRUE(verify(kAda, first, token)) << "what was mailed before still works";
    EXPECT_EQ(resend(token).error().problem, "invalid_registration") << "it is used";
    EXPECT_EQ(resend("invented").error().problem, "invalid_registration");
}

// [U2] [U43]
TEST_P(Accounts, ACodeIsMailedAgainAlikeForAKnownAddress) {
    world->sign_up(kAda);
    const auto calls_of = [&](const std::string& email) {
        const auto token = ask_for_account(World::registration(email));
        world->clock.advance(minutes(1));
        const int before = world->database.calls();
        const auto answer = wire(run(auth().resend_code(world->visitor(), {{email}, {token}})));
        world->send_mails();
        return answer + std::to_string(world->database.calls() - before);
    };
    EXPECT_EQ(calls_of(kAda), calls_of("new@example.org"));
    EXPECT_EQ(world->mailer.code_for(kAda), "");
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
    for (int i = 0; i < 10; ++i) EXPECT_EQ(verify(kAda, "22222222", token).error().code, Code::unprocessable);
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

    world->send_mails();
    EXPECT_EQ(world->mailer.sent.size(), 1U);
    const auto code = world->mailer.code_for(kAda);
    std::vector<Task<Result<Tokens>>> tries;
    for (const auto& token : tokens)
        tries.push_back(auth().verify_email(world->visitor(), {{kAda}, {code}, {token}, {}}));
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

// [U1] [F: handles held by sign-ups that are never verified]
TEST_P(Accounts, AnAskedHandleIsFreeUntilItsRegistrationIsVerified) {
    ASSERT_TRUE(ask(World::registration("never@example.org", "Eve", "wanted")));
    const auto ada = world->sign_up(kAda, "Ada");
    EXPECT_TRUE(take_handle(ada, "wanted"));
}

// [U1] The race for a handle has one winner; the others get it with a number, instead of having to sign up again.
TEST_P(Accounts, AHandleAskedForByManyIsGivenToTheFirstThatIsVerified) {
    std::vector<Task<Result<Tokens>>> tries;
    for (int i = 0; i < 8; ++i) {
        const auto email = "m" + std::to_string(i) + "@example.org";
        const auto token = ask_for_account(World::registration(email, "M", "wanted"));
        tries.push_back(auth().verify_email(world->visitor(), {{email}, {world->mailer.code_for(email)}, {token}, {}}));
    }
    std::set<std::string> handles;
    for (const auto& tokens : world->run_together(std::move(tries))) {
        ASSERT_TRUE(tokens);
        handles.insert(run(users().me(world->caller(*tokens)))->handle);
    }
    EXPECT_EQ(handles.size(), 8U);
    EXPECT_TRUE(handles.contains("wanted"));
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
    world->send_mails();
    EXPECT_TRUE(world->mailer.sent.empty());

    world->mailer.is_broken = false;
    world->send_mails();
    ASSERT_EQ(world->mailer.sent.size(), 1U) << "as soon as the server is back";
    EXPECT_TRUE(verify(kAda, world->mailer.code_for(kAda), token));
    world->clock.advance(minutes(10));
    world->send_mails();
    EXPECT_EQ(world->mailer.sent.size(), 1U) << "once";
}

TEST_P(Accounts, AMailThatTheServerPutsOffIsSentLaterAndTheOthersNow) {
    world->mailer.refusal = Error{Code::unavailable, "the mail server answered 451"};
    ASSERT_TRUE(ask(World::registration(kAda)));
    world->mailer.refusal.reset();
    ASSERT_TRUE(ask(World::registration(kBob)));
    EXPECT_EQ(world->mailer.subjects_to(kAda).size(), 0U);
    EXPECT_EQ(world->mailer.subjects_to(kBob).size(), 1U);
    world->clock.advance(minutes(1));
    world->send_mails();
    EXPECT_EQ(world->mailer.subjects_to(kAda).size(), 1U);
}

TEST_P(Accounts, AMailOfADeadCodeIsNotSentAndIsListed) {
    world->mailer.is_broken = true;
    ASSERT_TRUE(ask(World::registration(kAda)));
    world->mailer.is_broken = false;
    world->clock.advance(minutes(16));
    world->send_mails();
    EXPECT_TRUE(world->mailer.sent.empty());
    const auto dead = run(UserStore(world->database).list_dead_mails(MailId{}, 10));
    ASSERT_EQ(dead.size(), 1U);
    EXPECT_EQ(dead[0].recipient, kAda);
    EXPECT_EQ(dead[0].error, "it could not be sent in time");
}

TEST_P(Accounts, AMailThatTheServerRefusesIsListedAndNotTriedAgain) {
    world->mailer.refusal = Error{Code::unprocessable, "the mail server answered 550: no such mailbox"};
    ASSERT_TRUE(ask(World::registration(kAda)));
    const auto dead = run(UserStore(world->database).list_dead_mails(MailId{}, 10));
    ASSERT_EQ(dead.size(), 1U);
    EXPECT_EQ(dead[0].tries, 1);
    EXPECT_NE(dead[0].error.find("550"), std::string::npos);
    world->mailer.refusal.reset();
    world->clock.advance(minutes(10));
    world->send_mails();
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
        tries.push_back(auth().log_in(world->visitor(), {{kAda}, {std::string(World::kPassword)}, {}, {}}));
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

// [U12] [F: throttle as a weapon]
TEST_P(SignIn, StrangersDoNotLockTheOwnerOutAtAKnownAddressOrOnAKnownDevice) {
    const auto tokens = world->sign_up(kAda);
    world->request.ip = "198.51.100.66";
    while (world->log_in(kAda, "wrong horse").error().code == Code::unauthenticated) {
    }
    EXPECT_EQ(world->log_in(kAda).error().code, Code::too_many_requests) << "a stranger's address";
    EXPECT_EQ(world->log_in(kAda, World::kPassword, "an invented token").error().code, Code::too_many_requests);
    EXPECT_TRUE(world->log_in(kAda, World::kPassword, tokens.device_token.value())) << "the owner, travelling";
    world->request.ip = "192.0.2.1";
    EXPECT_TRUE(world->log_in(kAda)) << "the owner, at home";
}

// [U12] [F: throttle as a weapon] A known place has a count of its own, so that nobody there guesses without end.
TEST_P(SignIn, GuessesAtAKnownAddressAreCountedThereAlone) {
    const auto tokens = world->sign_up(kAda);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(world->log_in(kAda, "wrong horse").error().code, Code::unauthenticated);
    EXPECT_EQ(world->log_in(kAda).error().code, Code::too_many_requests);
    EXPECT_TRUE(world->log_in(kAda, World::kPassword, tokens.device_token.value()));
    world->request.ip = "192.0.2.2";
    EXPECT_TRUE(world->log_in(kAda));
}

// [F: throttle as a weapon] A device keeps its token over its sessions; one of another member is nothing.
TEST_P(SignIn, ADeviceTokenIsGivenAgainToItsDeviceOnly) {
    const auto first = world->sign_up(kAda);
    const auto bob = world->sign_up(kBob);
    EXPECT_EQ(world->log_in(kAda, World::kPassword, *first.device_token)->device_token, first.device_token);
    EXPECT_NE(world->log_in(kAda, World::kPassword, *bob.device_token)->device_token, bob.device_token);
    EXPECT_NE(world->log_in(kAda)->device_token, first.device_token);
    EXPECT_FALSE(refresh(first.refresh_token)->device_token) << "it comes with a sign-in only";
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

// [U4] [F: two tabs refresh at once]
TEST_P(RefreshTokens, TheSameTokenGivesTheSameSuccessorForTenSeconds) {
    const auto tokens = world->sign_up(kAda);
    const auto next = refresh(tokens.refresh_token);
    world->clock.advance(seconds(9));
    const auto again = refresh(tokens.refresh_token);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->refresh_token, next->refresh_token);
    EXPECT_EQ(again->session_id, tokens.session_id);
    EXPECT_TRUE(world->lets_in(*again));
    EXPECT_TRUE(refresh(next->refresh_token)) << "the family lives";
}

// [U4] [F: two tabs refresh at once]
TEST_P(RefreshTokens, AfterItsSuccessorWasUsedAReplayEndsTheFamilyAtOnce) {
    const auto tokens = world->sign_up(kAda);
    const auto next = refresh(tokens.refresh_token);
    const auto last = refresh(next->refresh_token);
    EXPECT_FALSE(refresh(tokens.refresh_token));
    EXPECT_FALSE(refresh(last->refresh_token));
}

// [U4]
TEST_P(RefreshTokens, AReplayEndsTheWholeFamily) {
    const auto tokens = world->sign_up(kAda);
    const auto other = world->log_in(kAda);
    const auto next = refresh(tokens.refresh_token);
    world->clock.advance(seconds(10));
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

// [U4] [F: two tabs refresh at once]
TEST_P(RefreshTokens, UsedByManyAtOnceHaveOneSuccessor) {
    const auto tokens = world->sign_up(kAda);
    std::vector<Task<Result<Tokens>>> tries;
    for (int i = 0; i < 8; ++i) tries.push_back(auth().refresh(world->visitor(), {{tokens.refresh_token}}));
    std::set<std::string> successors;
    for (auto& next : world->run_together(std::move(tries))) {
        ASSERT_TRUE(next);
        successors.insert(next->refresh_token);
    }
    ASSERT_EQ(successors.size(), 1U);
    EXPECT_TRUE(refresh(*successors.begin()));
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

class RefreshTokensWithoutGrace : public RefreshTokens {
protected:
    void SetUp() override {
        change = [](Options& options) { options.refresh_grace = seconds(0); };
        RefreshTokens::SetUp();
    }
};
GUILDHALL_OVER_BOTH_DATABASES(RefreshTokensWithoutGrace);

// [U4]
TEST_P(RefreshTokensWithoutGrace, WorkOnce) {
    const auto tokens = world->sign_up(kAda);
    const auto next = refresh(tokens.refresh_token);
    EXPECT_FALSE(refresh(tokens.refresh_token));
    EXPECT_FALSE(world->lets_in(*next));
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
    const auto second = run(
        auth().log_in(world->visitor(), {{kAda}, {std::string(World::kPassword)}, json::Line<1, 100>{"Phone"}, {}}));
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
    EXPECT_THROW((void)run(replica.auth().log_in(world->visitor(), {{kAda}, {std::string(World::kPassword)}, {}, {}})),
                 Unavailable);
}

}  // namespace
}  // namespace guildhall::user
