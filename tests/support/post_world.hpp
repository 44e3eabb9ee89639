#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "platform/json/read.hpp"
#include "platform/json/write.hpp"
#include "services/connection/public/degrees.hpp"
#include "services/connection/public/network.hpp"
#include "services/post/module.hpp"
#include "support/service_rig.hpp"

namespace guildhall::post::test {

/// A directory in which every member exists: member 7 has the handle "member-7". Blocks are set by the test.
/// Thread-safe.
class FakeDirectory final : public user::Directory {
public:
    Task<std::vector<user::CardPointer>> cards(std::vector<UserId> ids) override {
        std::vector<user::CardPointer> cards;
        cards.reserve(ids.size());
        std::lock_guard lock(mutex_);
        for (const UserId id : ids) cards.push_back(card_of(id));
        co_return cards;
    }
    Task<std::shared_ptr<const user::UserSet>> hidden_from(UserId user) override {
        std::lock_guard lock(mutex_);
        auto& hidden = hidden_[user];
        if (!hidden) hidden = std::make_shared<const user::UserSet>();
        co_return hidden;
    }
    Task<bool> exists(UserId user) override {
        asked_to_exist = user;
        co_return user != user::kNoMember && !is_erased(user);
    }
    Task<std::vector<UserId>> ids_of_handles(std::vector<std::string> handles) override {
        std::vector<UserId> ids;
        for (const std::string& handle : handles) {
            const bool is_member =
                handle.starts_with("member-") && handle.find_first_not_of("0123456789", 7) == std::string::npos;
            ids.push_back(is_member ? UserId{std::stoll(handle.substr(7))} : UserId{});
        }
        co_return ids;
    }

    /// Who was the last that exists() was asked for.
    std::atomic<UserId> asked_to_exist{};

    void block(UserId a, UserId b) { set_hidden(a, b, true); }
    void unblock(UserId a, UserId b) { set_hidden(a, b, false); }
    void erase(UserId user) {
        std::lock_guard lock(mutex_);
        erased_.insert(user);
        if (cards_[user]) cards_[user]->retire();
    }
    bool is_hidden(UserId a, UserId b) {
        std::lock_guard lock(mutex_);
        return hidden_[a] && hidden_[a]->contains(b);
    }

private:
    user::CardPointer card_of(UserId id) {
        if (erased_.contains(id)) return nullptr;
        user::CardPointer& card = cards_[id];
        const std::string number = std::to_string(id.value);
        if (!card)
            card = std::make_shared<const user::CardRecord>(
                user::Card{id, "member-" + number, "Member " + number, "Number \"" + number + "\""});
        return card;
    }
    bool is_erased(UserId user) {
        std::lock_guard lock(mutex_);
        return erased_.contains(user);
    }
    void set_hidden(UserId a, UserId b, bool is_hidden) {
        std::lock_guard lock(mutex_);
        for (const auto& [one, other] : {std::pair(a, b), std::pair(b, a)}) {
            auto changed =
                hidden_[one] ? std::make_shared<user::UserSet>(*hidden_[one]) : std::make_shared<user::UserSet>();
            is_hidden ? void(changed->insert(other)) : void(changed->erase(other));
            hidden_[one] = std::move(changed);
        }
    }

    std::mutex mutex_;
    std::map<UserId, user::CardPointer> cards_;
    std::map<UserId, std::shared_ptr<const user::UserSet>> hidden_;
    std::set<UserId> erased_;
};

/// Connections that the test sets. Thread-safe.
class FakeNetwork final : public connection::Network, public connection::Degrees {
public:
    Task<bool> are_connected(UserId a, UserId b) override { co_return is_connected(a, b); }
    Task<std::shared_ptr<const connection::Ids>> connections_of(UserId user) override {
        std::lock_guard lock(mutex_);
        auto& ids = lists_[user];
        if (!ids) ids = std::make_shared<const connection::Ids>();
        co_return ids;
    }

    Task<connection::DegreeList> degrees(UserId viewer, std::vector<UserId> members) override {
        const auto connections = co_await connections_of(viewer);
        co_return connection::first_degrees(viewer, *connections, members);
    }

    void connect(UserId a, UserId b) { set(a, b, true); }
    void disconnect(UserId a, UserId b) { set(a, b, false); }
    bool is_connected(UserId a, UserId b) {
        std::lock_guard lock(mutex_);
        return lists_[a] && std::ranges::binary_search(*lists_[a], b);
    }

private:
    void set(UserId a, UserId b, bool is_connected) {
        std::lock_guard lock(mutex_);
        for (const auto& [one, other] : {std::pair(a, b), std::pair(b, a)}) {
            std::set<UserId> ids;
            if (lists_[one]) ids.insert(lists_[one]->begin(), lists_[one]->end());
            is_connected ? void(ids.insert(other)) : void(ids.erase(other));
            lists_[one] = std::make_shared<const connection::Ids>(ids.begin(), ids.end());
        }
    }

    std::mutex mutex_;
    std::map<UserId, std::shared_ptr<const connection::Ids>> lists_;
};

/// The parts that the processes of one world share.
struct Ground final : guildhall::test::Ground {
    explicit Ground(const std::string& engine) : guildhall::test::Ground(engine, std::chrono::days(20'400)) {}
    FakeDirectory directory;
    FakeNetwork network;
};

/// A post service over an empty database, among fakes, and what members do.
class World : public guildhall::test::ServiceRig {
public:
    explicit World(const std::string& engine, const Options& options = {}, cache::Coherence* shared = nullptr)
        : World(std::make_shared<Ground>(engine), options, shared) {}
    /// Another process of the same service, with the same members, on the same database.
    World(World& first, cache::Coherence& shared)
        : World(std::static_pointer_cast<Ground>(first.ground), Options{}, &shared) {}

    /// A module with cold caches, as after a restart.
    void start(const Options& options = {}) {
        module.reset();
        module.emplace(base, Module::Needs{directory, network, network}, options);
        listen(*module);
    }

    Result<http::Created<PostView>> try_publish(UserId author, std::string text,
                                                std::optional<Visibility> visibility = {}) {
        clock.advance(std::chrono::milliseconds(1));
        return run(module->post_service().create(caller(author), {{std::move(text)}, visibility}));
    }
    PostId publish(UserId author, std::string text = "Good morning.", Visibility visibility = Visibility::members) {
        return try_publish(author, std::move(text), visibility).value().value.record->key.id;
    }
    Result<PostView> find(UserId reader, PostId id) { return run(module->post_service().find(visitor(reader), id)); }
    Result<void> remove(UserId author, PostId id) { return run(module->post_service().remove(caller(author), id)); }
    Result<PostView> edit(UserId author, PostId id, EditPost body) {
        return run(module->post_service().edit(caller(author), id, std::move(body)));
    }
    Result<PostView> show_to(UserId author, PostId id, Visibility visibility) {
        return edit(author, id, {{}, {visibility}});
    }
    Result<void> react(UserId user, PostId id, ReactionKind kind = ReactionKind::like) {
        clock.advance(std::chrono::milliseconds(1));
        return run(module->reaction_service().set(caller(user), id, {kind}));
    }
    Result<void> unreact(UserId user, PostId id) { return run(module->reaction_service().remove(caller(user), id)); }
    Result<http::Created<Comment>> try_comment(UserId user, PostId id, std::string text = "Well said.",
                                               std::optional<CommentId> parent = {}) {
        clock.advance(std::chrono::milliseconds(1));
        return run(module->comment_service().create(caller(user), id, {{std::move(text)}, parent}));
    }
    CommentId comment(UserId user, PostId id, std::string text = "Well said.", std::optional<CommentId> parent = {}) {
        return try_comment(user, id, std::move(text), parent).value().value.id;
    }

    Result<Page<PostView>> feed_page(UserId reader, int limit, std::optional<std::string> cursor = {}) {
        return run(
            module->post_service().feed(caller(reader), {{{limit}, cursor_text(std::move(cursor))}, FeedSort::newest}));
    }
    /// All pages of a member's feed.
    std::vector<PostId> feed(UserId reader, int limit = 20) {
        return ids_of_all(
            [&](std::optional<std::string> cursor) { return feed_page(reader, limit, std::move(cursor)); });
    }
    std::vector<PostId> posts_of(UserId reader, UserId author, int limit = 20) {
        return ids_of_all([&](std::optional<std::string> cursor) {
            return run(module->post_service().list_by_author(visitor(reader), author,
                                                             {{limit}, cursor_text(std::move(cursor))}));
        });
    }
    std::vector<PostId> posts_with(UserId reader, std::string tag, int limit = 20) {
        return ids_of_all([&](std::optional<std::string> cursor) {
            return run(module->post_service().list_by_hashtag(visitor(reader), {tag},
                                                              {{limit}, cursor_text(std::move(cursor))}));
        });
    }

    /// The items of all pages. `read` returns the page of a cursor.
    template <class Read>
    auto all_of(Read read) {
        auto page = read(std::optional<std::string>{}).value();
        auto items = std::move(page.items);
        while (page.next_cursor) {
            page = read(page.next_cursor).value();
            for (auto& item : page.items) items.push_back(std::move(item));
        }
        return items;
    }
    template <class Read>
    std::vector<PostId> ids_of_all(Read read) {
        std::vector<PostId> found;
        for (const PostView& view : all_of(std::move(read))) found.push_back(view.record->key.id);
        return found;
    }
    static std::optional<json::CursorText> cursor_text(std::optional<std::string> cursor) {
        if (!cursor) return std::nullopt;
        return json::CursorText{std::move(*cursor)};
    }

    /// Purges deleted posts.
    void maintain() { run(module->maintain()); }

    FakeDirectory& directory;
    FakeNetwork& network;
    std::optional<Module> module;

private:
    World(std::shared_ptr<Ground> over, const Options& options, cache::Coherence* shared)
        : ServiceRig(Module::definition(), over, shared), directory(over->directory), network(over->network) {
        start(options);
    }
};

/// An answer as a client reads it.
inline Post post_of(const PostView& view) { return json::read_trusted<Post>(json::to_json(view)); }

inline constexpr UserId kAda{1};
inline constexpr UserId kBela{2};
inline constexpr UserId kClara{3};
inline constexpr UserId kDora{4};
inline constexpr UserId kNobody{};

/// Tests that run on both databases.
class PostContract : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        const std::string missing = guildhall::test::TestDatabase::missing(GetParam());
        if (!missing.empty()) GTEST_SKIP() << missing;
        world_.emplace(GetParam());
    }
    World& world() { return *world_; }

    std::optional<World> world_;
};

}  // namespace guildhall::post::test
