#include "contract/user/service_fixture.hpp"

namespace guildhall::user {
namespace {

using test::World;

class Profiles : public test::ServiceTest {};
GUILDHALL_OVER_BOTH_DATABASES(Profiles);

template <class T>
json::Patch<T> set(std::string value) {
    return {json::Patch<T>::State::set, {std::move(value)}};
}

// [U16]
TEST_P(Profiles, AMemberEditsTheProfileAndOthersSeeIt) {
    const auto ada = world->sign_up("ada@example.org", "Ada Lovelace");
    const auto bob = world->sign_up("bob@example.org");
    ASSERT_TRUE(profile_of(bob, ada.user_id));  // warm, so that the change must reach the cache
    UpdateProfile patch;
    patch.name.value = Name{"Ada King"};
    patch.headline = set<json::Line<0, 220>>("Analyst of engines");
    patch.about = set<json::Text<0, 2600>>("Poetical science.\nNotes, A to G.");
    patch.location = set<json::Line<0, 100>>("London");
    patch.industry = set<json::Line<0, 100>>("Computing");
    patch.pronouns = set<json::Line<0, 40>>("she/her");
    const auto mine = update(ada, std::move(patch));
    ASSERT_TRUE(mine);
    EXPECT_EQ(mine->email, "ada@example.org");
    EXPECT_EQ(mine->version, 2);
    const auto seen = profile_of(bob, ada.user_id);
    EXPECT_EQ(json::to_json(*seen), json::to_json(static_cast<const Profile&>(*mine)));
    EXPECT_EQ(seen->about, "Poetical science.\nNotes, A to G.");
    EXPECT_EQ(run(world->directory().cards({ada.user_id})).at(0)->headline, "Analyst of engines");
    EXPECT_EQ(world->event_types().back(), "user.profile_changed.v1");
}

// [U16]
TEST_P(Profiles, APatchChangesOnlyWhatItNames) {
    const auto ada = world->sign_up("ada@example.org", "Ada");
    UpdateProfile first;
    first.headline = set<json::Line<0, 220>>("One");
    first.about = set<json::Text<0, 2600>>("Two");
    ASSERT_TRUE(update(ada, std::move(first)));
    UpdateProfile second;
    second.headline.state = json::Patch<json::Line<0, 220>>::State::removed;
    const auto after = update(ada, std::move(second));
    EXPECT_EQ(after->headline, "");
    EXPECT_EQ(after->about, "Two");
    EXPECT_EQ(after->name, "Ada");
}

// [U16]
TEST_P(Profiles, AnEmptyPatchChangesNothing) {
    const auto ada = world->sign_up("ada@example.org");
    const auto events = world->event_types().size();
    EXPECT_EQ(update(ada, {})->version, 1);
    EXPECT_EQ(world->event_types().size(), events);
}

// [U16]
TEST_P(Profiles, AnEditMeetsTheVersionThatItSaw) {
    const auto ada = world->sign_up("ada@example.org");
    UpdateProfile patch;
    patch.headline = set<json::Line<0, 220>>("A");
    world->request.if_match = std::vector<std::int64_t>{1};
    ASSERT_TRUE(update(ada, patch));
    patch.headline = set<json::Line<0, 220>>("B");
    EXPECT_EQ(update(ada, patch).error().code, Code::precondition_failed);
    EXPECT_EQ(update(ada, {}).error().code, Code::precondition_failed);
    world->request.if_match = std::vector<std::int64_t>{2};
    EXPECT_EQ(update(ada, patch)->headline, "B");
}

// [U16]
TEST_P(Profiles, OfEditsOfOneVersionAtOnceOneWins) {
    const auto ada = world->sign_up("ada@example.org");
    world->request.if_match = std::vector<std::int64_t>{1};
    std::vector<Task<Result<Me>>> edits;
    for (int i = 0; i < 8; ++i) {
        UpdateProfile patch;
        patch.headline = set<json::Line<0, 220>>("Edit " + std::to_string(i));
        edits.push_back(users().update_me(world->caller(ada), std::move(patch)));
    }
    std::vector<Me> won;
    for (auto& me : world->run_together(std::move(edits)))
        if (me) won.push_back(std::move(*me));
    ASSERT_EQ(won.size(), 1U);
    world->request.if_match.reset();
    EXPECT_EQ(profile_of(ada, ada.user_id)->headline, won[0].headline);
}

// [U16]
TEST_P(Profiles, ConcurrentEditsOfDifferentFieldsAreAllKept) {
    const auto ada = world->sign_up("ada@example.org");
    UpdateProfile headline;
    headline.headline = set<json::Line<0, 220>>("Headline");
    UpdateProfile about;
    about.about = set<json::Text<0, 2600>>("About");
    std::vector<Task<Result<Me>>> edits;
    edits.push_back(users().update_me(world->caller(ada), std::move(headline)));
    edits.push_back(users().update_me(world->caller(ada), std::move(about)));
    for (const auto& me : world->run_together(std::move(edits))) EXPECT_TRUE(me);
    const auto profile = profile_of(ada, ada.user_id);
    EXPECT_EQ(profile->headline, "Headline");
    EXPECT_EQ(profile->about, "About");
    EXPECT_EQ(profile->version, 3);
}

// [U16]
TEST_P(Profiles, AreReadInABatchInTheOrderAsked) {
    const auto ada = world->sign_up("ada@example.org");
    const auto bob = world->sign_up("bob@example.org");
    const auto eve = world->sign_up("eve@example.org");
    ASSERT_TRUE(block(eve, ada.user_id));
    UserIds query{{{bob.user_id, UserId{1}, eve.user_id, ada.user_id}}};
    const auto found = run(users().list(world->caller(ada), query));
    ASSERT_EQ(found->items.size(), 2U);
    EXPECT_EQ(found->items[0].id, bob.user_id);
    EXPECT_EQ(found->items[1].id, ada.user_id);
}

// [U16]
TEST_P(Profiles, AWarmReadAsksTheDatabaseNothing) {
    const auto ada = world->sign_up("ada@example.org");
    const auto bob = world->sign_up("bob@example.org");
    ASSERT_TRUE(profile_of(bob, ada.user_id));
    ASSERT_TRUE(run(users().find_by_handle(world->caller(bob), {"jane-doe"})));
    run(world->directory().cards({ada.user_id, bob.user_id}));
    const int before = world->database.calls();
    EXPECT_TRUE(profile_of(bob, ada.user_id));
    EXPECT_TRUE(run(users().find_by_handle(world->caller(bob), {"jane-doe"})));
    EXPECT_EQ(run(world->directory().cards({ada.user_id, bob.user_id, ada.user_id})).size(), 3U);
    EXPECT_TRUE(run(world->directory().exists(ada.user_id)));
    EXPECT_EQ(world->database.calls(), before);
}

class Handles : public test::ServiceTest {
protected:
    Result<http::FoundOrMoved<SeenProfile>> find(const Tokens& reader, const std::string& handle) {
        return run(users().find_by_handle(world->caller(reader), {handle}));
    }
};
GUILDHALL_OVER_BOTH_DATABASES(Handles);

// [U17]
TEST_P(Handles, AnOldOneLeadsToTheNewestOverSeveralChanges) {
    const auto ada = world->sign_up("ada@example.org", "Ada", "first");
    const auto bob = world->sign_up("bob@example.org");
    EXPECT_EQ(find(bob, "first")->value->id, ada.user_id);  // warm
    ASSERT_TRUE(take_handle(ada, "second"));
    ASSERT_TRUE(take_handle(ada, "third"));
    for (const auto* old : {"first", "second"}) {
        const auto moved = find(bob, old);
        ASSERT_TRUE(moved);
        EXPECT_FALSE(moved->value);
        EXPECT_EQ(moved->location, "/v1/users/by-handle/third");
    }
    EXPECT_EQ(find(bob, "third")->value->id, ada.user_id);
    EXPECT_EQ(find(bob, "fourth").error().code, Code::not_found);
}

// [U17]
TEST_P(Handles, AnOldOneStaysWithItsOwner) {
    const auto ada = world->sign_up("ada@example.org", "Ada", "first");
    const auto bob = world->sign_up("bob@example.org");
    ASSERT_TRUE(take_handle(ada, "second"));
    const auto taken = take_handle(bob, "first");
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().problem, "handle_taken");
    EXPECT_EQ(taken.error().errors.at(0).pointer, "/handle");
    EXPECT_FALSE(ask(World::registration("eve@example.org", "Eve", "first")));
    ASSERT_TRUE(take_handle(ada, "first"));
    EXPECT_EQ(find(bob, "first")->value->id, ada.user_id);
    EXPECT_FALSE(find(bob, "second")->value);
}

// [U17]
TEST_P(Handles, ARefusedChangeLeavesTheProfileAsItWas) {
    const auto ada = world->sign_up("ada@example.org", "Ada", "ada");
    const auto bob = world->sign_up("bob@example.org", "Bob", "bob");
    UpdateProfile patch;
    patch.handle.value = json::Handle{"ada"};
    patch.headline = set<json::Line<0, 220>>("Impostor");
    EXPECT_FALSE(update(bob, std::move(patch)));
    const auto profile = profile_of(ada, bob.user_id);
    EXPECT_EQ(profile->headline, "");
    EXPECT_EQ(profile->version, 1);
    EXPECT_EQ(profile->handle, "bob");
    EXPECT_EQ(take_handle(bob, "admin").error().problem, "handle_taken");
}

// [U17]
TEST_P(Handles, OneWantedByManyAtOnceIsGivenOnce) {
    std::vector<Tokens> members;
    for (int i = 0; i < 6; ++i) members.push_back(world->sign_up("m" + std::to_string(i) + "@example.org"));
    std::vector<Task<Result<Me>>> wishes;
    for (const auto& member : members) {
        UpdateProfile patch;
        patch.handle.value = json::Handle{"wanted"};
        wishes.push_back(users().update_me(world->caller(member), std::move(patch)));
    }
    std::vector<UserId> owners;
    for (const auto& me : world->run_together(std::move(wishes)))
        if (me) owners.push_back(me->id);
    ASSERT_EQ(owners.size(), 1U);
    EXPECT_EQ(find(members[0], "wanted")->value->id, owners[0]);
}

// [U17]
TEST_P(Handles, TwoMembersThatWantEachOthersBothKeepTheirOwn) {
    const auto ada = world->sign_up("ada@example.org", "Ada", "ada");
    const auto bob = world->sign_up("bob@example.org", "Bob", "bob");
    for (int round = 0; round < 4; ++round) {
        std::vector<Task<Result<Me>>> wishes;
        for (const auto& [member, handle] : {std::pair{ada, "bob"}, std::pair{bob, "ada"}}) {
            UpdateProfile patch;
            patch.handle.value = json::Handle{handle};
            wishes.push_back(users().update_me(world->caller(member), std::move(patch)));
        }
        for (const auto& me : world->run_together(std::move(wishes))) EXPECT_EQ(me.error().problem, "handle_taken");
    }
    EXPECT_EQ(profile_of(bob, ada.user_id)->handle, "ada");
    EXPECT_EQ(profile_of(ada, bob.user_id)->handle, "bob");
}

// [U17]
TEST_P(Handles, AMemberCannotHoardThem) {
    const auto ada = world->sign_up("ada@example.org");
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(take_handle(ada, "handle-" + std::to_string(i)));
    EXPECT_EQ(take_handle(ada, "one-more").error().code, Code::too_many_requests);
    UpdateProfile patch;
    patch.headline = set<json::Line<0, 220>>("Still editable");
    EXPECT_TRUE(update(ada, std::move(patch)));
}

// [U17] Text that mentions an old handle must not mean its new owner.
TEST_P(Handles, OnlyCurrentOnesAreFoundForMentions) {
    const auto ada = world->sign_up("ada@example.org", "Ada", "first");
    const auto ids_of = [&] { return run(world->directory().ids_of_handles({"second", "first", "nobody"})); };
    EXPECT_EQ(ids_of(), (std::vector<UserId>{UserId{}, ada.user_id, UserId{}}));
    ASSERT_TRUE(take_handle(ada, "second"));
    EXPECT_EQ(ids_of(), (std::vector<UserId>{ada.user_id, UserId{}, UserId{}}));
    EXPECT_EQ(ids_of(), (std::vector<UserId>{ada.user_id, UserId{}, UserId{}})) << "also when warm";
}

class Blocks : public test::ServiceTest {
protected:
    void SetUp() override {
        ServiceTest::SetUp();
        if (!world) return;
        ada = world->sign_up("ada@example.org", "Ada", "ada");
        bob = world->sign_up("bob@example.org", "Bob", "bob");
        eve = world->sign_up("eve@example.org", "Eve", "eve");
    }
    std::vector<UserId> list(const Tokens& member, int limit = 100) {
        std::vector<UserId> all;
        json::PageQuery query{{limit}, {}};
        for (;;) {
            const auto page = run(users().list_blocks(world->caller(member), query)).value();
            for (const auto& item : page.items) all.push_back(item.user.id);
            if (!page.next_cursor) return all;
            query.cursor = json::CursorText{*page.next_cursor};
        }
    }

    Tokens ada;
    Tokens bob;
    Tokens eve;
};
GUILDHALL_OVER_BOTH_DATABASES(Blocks);

// [U32]
TEST_P(Blocks, HideBothFromEachOtherEverywhereAndFromNobodyElse) {
    ASSERT_TRUE(profile_of(bob, ada.user_id));  // warm
    ASSERT_TRUE(block(ada, bob.user_id));
    for (const auto& [me, them, handle] : {std::tuple{ada, bob, "bob"}, std::tuple{bob, ada, "ada"}}) {
        EXPECT_EQ(profile_of(me, them.user_id).error().code, Code::not_found);
        EXPECT_EQ(run(users().find_by_handle(world->caller(me), {handle})).error().code, Code::not_found);
        EXPECT_TRUE(run(users().list(world->caller(me), {{{them.user_id}}}))->items.empty());
        EXPECT_TRUE(run(world->directory().hidden_from(me.user_id))->contains(them.user_id));
        EXPECT_TRUE(profile_of(eve, them.user_id));
    }
}

// [U32] [U43]
TEST_P(Blocks, CannotBeToldFromAbsence) {
    ASSERT_TRUE(take_handle(ada, "ada-two"));
    ASSERT_TRUE(block(ada, bob.user_id));
    const auto absent = wire(profile_of(bob, UserId{1}));
    EXPECT_EQ(wire(profile_of(bob, ada.user_id)), absent);
    for (const auto* handle : {"ada", "ada-two", "no-such-handle"})
        EXPECT_EQ(wire(run(users().find_by_handle(world->caller(bob), {handle}))), absent) << handle;
    EXPECT_EQ(wire(block(bob, ada.user_id)), wire(block(bob, UserId{1})));
}

// [U32]
TEST_P(Blocks, AreListedLatestFirstAndLifted) {
    ASSERT_TRUE(block(ada, bob.user_id));
    world->clock.advance(std::chrono::seconds(1));
    ASSERT_TRUE(block(ada, eve.user_id));
    EXPECT_EQ(list(ada), (std::vector{eve.user_id, bob.user_id}));
    EXPECT_EQ(list(ada, 1), (std::vector{eve.user_id, bob.user_id}));
    EXPECT_TRUE(list(bob).empty()) << "who is blocked does not see it";
    ASSERT_TRUE(unblock(ada, bob.user_id));
    EXPECT_EQ(list(ada), std::vector{eve.user_id});
    EXPECT_TRUE(profile_of(bob, ada.user_id));
    EXPECT_TRUE(profile_of(ada, bob.user_id));
}

// [U32]
TEST_P(Blocks, SkipNobodyWhenOneIsLiftedBetweenTwoPages) {
    const auto joe = world->sign_up("joe@example.org");
    for (const auto& other : {bob, eve, joe}) ASSERT_TRUE(block(ada, other.user_id));
    json::PageQuery query{{1}, {}};
    const auto first = run(users().list_blocks(world->caller(ada), query)).value();
    EXPECT_EQ(first.items.at(0).user.id, joe.user_id);
    ASSERT_TRUE(unblock(ada, joe.user_id));
    query.cursor = json::CursorText{*first.next_cursor};
    EXPECT_EQ(run(users().list_blocks(world->caller(ada), query))->items.at(0).user.id, eve.user_id);
}

// [U32]
TEST_P(Blocks, TwiceIsOnceAndTellsTheOthersOnce) {
    const auto before = world->event_types().size();
    ASSERT_TRUE(block(ada, bob.user_id));
    ASSERT_TRUE(block(ada, bob.user_id));
    EXPECT_EQ(list(ada).size(), 1U);
    ASSERT_TRUE(unblock(ada, bob.user_id));
    ASSERT_TRUE(unblock(ada, bob.user_id));
    const auto events = world->event_types();
    EXPECT_EQ(std::vector(events.begin() + static_cast<std::ptrdiff_t>(before), events.end()),
              (std::vector<std::string>{"user.blocked.v1", "user.unblocked.v1"}));
}

// [U32]
// [F: unbounded sets read on each request]
TEST_P(Blocks, AreLimited) {
    world.emplace(GetParam(), [](Options& options) { options.max_blocks = 2; });
    ada = world->sign_up("ada@example.org", "Ada");
    std::vector<UserId> others;
    for (const char* name : {"bob", "eve", "kim", "lea"})
        others.push_back(world->sign_up(std::string(name) + "@example.org", name).user_id);
    world->database.execute_script("INSERT INTO blocked_by (user_id, by_id) VALUES (" +
                                   std::to_string(ada.user_id.value) + ", 5)");
    ASSERT_TRUE(block(ada, others[0]));
    ASSERT_TRUE(block(ada, others[1])) << "being blocked does not count";
    EXPECT_TRUE(block(ada, others[1])) << "again has no effect";
    EXPECT_EQ(block(ada, others[2]).error().problem, "too_many_blocks");
    ASSERT_TRUE(unblock(ada, others[0]));
    EXPECT_TRUE(block(ada, others[2]));
}

TEST_P(Blocks, ManyAtOnceAreOne) {
    const auto before = world->event_types().size();
    std::vector<Task<Result<void>>> blocks;
    for (int i = 0; i < 8; ++i) blocks.push_back(users().block(world->caller(ada), bob.user_id));
    // One that comes after the first has been stored may already find bob hidden; it is blocked all the same.
    for (const auto& done : world->run_together(std::move(blocks))) EXPECT_TRUE(done);
    EXPECT_EQ(list(ada).size(), 1U);
    EXPECT_EQ(world->event_types().size(), before + 1);
}

// [U32]
TEST_P(Blocks, OfEachOtherAtOnceBothHoldAndStandApart) {
    std::vector<Task<Result<void>>> blocks;
    blocks.push_back(users().block(world->caller(ada), bob.user_id));
    blocks.push_back(users().block(world->caller(bob), ada.user_id));
    int held = 0;
    for (const auto& done : world->run_together(std::move(blocks))) held += done.has_value();
    ASSERT_GE(held, 1) << "the later one may find the other hidden";
    ASSERT_TRUE(unblock(ada, bob.user_id));
    EXPECT_EQ(profile_of(ada, bob.user_id).has_value(), list(bob).empty());
}

// [U32]
TEST_P(Blocks, AreRefusedOfOneselfAndOfNobody) {
    const auto self = block(ada, ada.user_id);
    EXPECT_EQ(self.error().code, Code::unprocessable);
    EXPECT_EQ(self.error().problem, "self_block");
    EXPECT_EQ(block(ada, UserId{1}).error().code, Code::not_found);
    EXPECT_TRUE(unblock(ada, UserId{1}));
}

// [U32] Only the one who blocks gets to know whom.
TEST_P(Blocks, TheBlockerIsToldWhomAndNobodyElse) {
    ASSERT_TRUE(block(ada, bob.user_id));
    const std::vector<UserId> both{bob.user_id, ada.user_id, eve.user_id};
    EXPECT_EQ(run(world->directory().blocked_by(ada.user_id, both)), UserSet{bob.user_id});
    EXPECT_TRUE(run(world->directory().blocked_by(bob.user_id, both)).empty());
}

class Cards : public test::ServiceTest {};
GUILDHALL_OVER_BOTH_DATABASES(Cards);

TEST_P(Cards, ComeInTheOrderAskedWithNullForWhoIsNot) {
    const auto ada = world->sign_up("ada@example.org", "Ada", "ada");
    const auto bob = world->sign_up("bob@example.org", "Bob", "bob");
    const auto cards = run(world->directory().cards({bob.user_id, UserId{1}, UserId{}, ada.user_id, bob.user_id}));
    ASSERT_EQ(cards.size(), 5U);
    EXPECT_EQ(cards[0]->handle, "bob");
    EXPECT_FALSE(cards[1]);
    EXPECT_FALSE(cards[2]);
    EXPECT_EQ(cards[3]->name, "Ada");
    EXPECT_EQ(cards[4]->id, bob.user_id);
    EXPECT_TRUE(run(world->directory().cards({})).empty());
    EXPECT_FALSE(run(world->directory().exists(UserId{1})));
}

TEST_P(Cards, OfAllMissesAreReadInOneGo) {
    std::vector<ImportedMember> members;
    for (int i = 0; i < 500; ++i)
        members.push_back({"m" + std::to_string(i) + "@example.org", "Jane Doe", "", "", "", "", "", {}});
    const auto ids = run(users().import_members(std::move(members))).value();
    const int before = world->database.calls();
    const auto cards = run(world->directory().cards(ids));
    EXPECT_EQ(world->database.calls(), before + 1);
    EXPECT_TRUE(std::ranges::all_of(cards, [](const auto& card) { return card != nullptr; }));
}

class Import : public test::ServiceTest {};
GUILDHALL_OVER_BOTH_DATABASES(Import);

TEST_P(Import, MakesVerifiedMembersWithTheirPasts) {
    const Time long_ago{std::chrono::days(17'000)};
    ImportedMember member{"ada@example.org", "Ada", "ada", "Analyst", "London", "Computing", "", long_ago};
    member.password_hash = run(auth().hash_password(std::string(World::kPassword)));
    const auto ids = run(users().import_members({member}));
    ASSERT_TRUE(ids);
    const auto tokens = world->log_in("ada@example.org");
    ASSERT_TRUE(tokens);
    EXPECT_EQ(tokens->user_id, ids->at(0));
    const auto profile = profile_of(*tokens, ids->at(0));
    EXPECT_EQ(profile->handle, "ada");
    EXPECT_EQ(profile->headline, "Analyst");
    EXPECT_EQ(profile->industry, "Computing");
    EXPECT_EQ(profile->created_at, long_ago);
    EXPECT_EQ(world->event_types(), std::vector<std::string>{"user.registered.v1"});
}

TEST_P(Import, CanBeRepeatedAndGoesOnWhereItStopped) {
    std::vector<ImportedMember> members;
    for (int i = 0; i < 3; ++i)
        members.push_back({"m" + std::to_string(i) + "@example.org", "Jane Doe", "", "", "", "", "", {}});
    const auto first = run(users().import_members({members[0], members[1]})).value();
    const auto again = run(users().import_members(members)).value();
    ASSERT_EQ(again.size(), 3U);
    EXPECT_EQ(again[0], first[0]);
    EXPECT_EQ(again[1], first[1]);
    EXPECT_EQ(world->event_types().size(), 3U);
}

TEST_P(Import, GivesANumberToAHandleThatIsTakenOrReserved) {
    const auto ada = world->sign_up("ada@example.org", "Ada", "ada");
    const auto ids = run(users().import_members({{"two@example.org", "Ada", "ada", "", "", "", "", {}},
                                                 {"root@example.org", "Root", "root", "", "", "", "", {}}}))
                         .value();
    EXPECT_TRUE(profile_of(ada, ids[0])->handle.starts_with("ada-"));
    EXPECT_TRUE(profile_of(ada, ids[1])->handle.starts_with("root-"));
}

}  // namespace
}  // namespace guildhall::user
