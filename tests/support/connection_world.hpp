#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "services/connection/module.hpp"
#include "services/connection/public/events.hpp"
#include "services/user/public/directory.hpp"
#include "services/user/public/events.hpp"
#include "support/service_rig.hpp"

namespace guildhall::connection::test {

/// Members and blocks in memory. Thread-safe.
class FakeDirectory final : public user::Directory {
public:
    void put(UserId id, std::string name) {
        const std::lock_guard lock(mutex_);
        cards_[id] = std::make_shared<const user::CardRecord>(
            user::Card{id, "m-" + std::to_string(id.value), std::move(name), ""});
    }
    void erase(UserId id) {
        const std::lock_guard lock(mutex_);
        cards_.erase(id);
    }
    /// Sets the profile of a member, which is empty by default.
    void put_traits(user::Traits traits) {
        const std::lock_guard lock(mutex_);
        traits_[traits.id] = std::move(traits);
    }
    void block(UserId user, UserId blocked) {
        const std::lock_guard lock(mutex_);
        blocks_[user].insert(blocked);
    }
    void unblock(UserId user, UserId blocked) {
        const std::lock_guard lock(mutex_);
        blocks_[user].erase(blocked);
    }

    Task<std::vector<user::CardPointer>> cards(std::vector<UserId> ids) override {
        if (ids.size() > 500) throw std::logic_error("more ids than a Directory takes");
        const std::lock_guard lock(mutex_);
        std::vector<user::CardPointer> found;
        for (const UserId id : ids) {
            const auto card = cards_.find(id);
            found.push_back(card == cards_.end() ? nullptr : card->second);
        }
        co_return found;
    }
    Task<std::shared_ptr<const user::UserSet>> hidden_from(UserId user) override {
        const std::lock_guard lock(mutex_);
        auto hidden = std::make_shared<user::UserSet>();
        for (const auto& [blocker, blocked] : blocks_) {
            if (blocker == user) hidden->insert(blocked.begin(), blocked.end());
            if (blocked.contains(user)) hidden->insert(blocker);
        }
        co_return hidden;
    }
    Task<user::UserSet> blocked_by(UserId user, std::vector<UserId> others) override {
        const std::lock_guard lock(mutex_);
        user::UserSet blocked;
        const auto found = blocks_.find(user);
        if (found == blocks_.end()) co_return blocked;
        for (const UserId other : others) {
            if (found->second.contains(other)) blocked.insert(other);
        }
        co_return blocked;
    }
    Task<bool> exists(UserId user) override {
        const std::lock_guard lock(mutex_);
        co_return cards_.contains(user);
    }
    Task<std::vector<user::Traits>> traits(std::vector<UserId> ids) override {
        if (ids.size() > 500) throw std::logic_error("more ids than a Directory takes");
        const std::lock_guard lock(mutex_);
        std::vector<user::Traits> found;
        for (const UserId id : ids) {
            if (!cards_.contains(id)) continue;
            const auto said = traits_.find(id);
            found.push_back(said == traits_.end() ? user::Traits{id, {}, {}} : said->second);
        }
        co_return found;
    }
    Task<std::vector<UserId>> ids_of_handles(std::vector<std::string> handles) override {
        co_return std::vector<UserId>(handles.size());
    }

private:
    std::mutex mutex_;
    std::unordered_map<UserId, user::CardPointer> cards_;
    std::unordered_map<UserId, user::UserSet> blocks_;
    std::unordered_map<UserId, user::Traits> traits_;
};

/// The parts that the processes of one world share.
struct Ground final : guildhall::test::Ground {
    explicit Ground(std::string engine) : guildhall::test::Ground(std::move(engine), std::chrono::days(20'000)) {}
    FakeDirectory directory;
};

/// A connection service with a fake directory and a graph in memory, and what members do.
class World : public guildhall::test::ServiceRig {
public:
    /// `engine` is "sqlite" or "postgres", which must be available.
    explicit World(std::string engine, cache::Coherence* shared = nullptr, const Options& options = {})
        : World(std::make_shared<Ground>(std::move(engine)), shared, options) {}
    /// Another process of the same service, with the same members, on the same database.
    World(World& first, cache::Coherence& shared)
        : World(std::static_pointer_cast<Ground>(first.ground), &shared, Options{}) {}

    /// A new member.
    UserId member(std::string name = "Jane Doe") {
        const auto id = ids.next<UserId>();
        directory.put(id, std::move(name));
        return id;
    }
    std::vector<UserId> members(std::size_t count) {
        std::vector<UserId> all(count);
        for (UserId& id : all) id = member();
        return all;
    }
    http::Caller as(UserId user) { return caller(user); }

    /// Runs the tasks of `make(i)`, 0 <= i < count, concurrently on `threads` threads; the results in order.
    template <class T>
    std::vector<T> run_together(std::size_t count, std::size_t threads,
                                const std::function<Task<T>(std::size_t)>& make) {
        std::vector<std::optional<T>> results(count);
        std::exception_ptr failure;
        std::mutex mutex;
        std::vector<std::thread> running;
        for (std::size_t thread = 0; thread < threads; ++thread) {
            running.emplace_back([&, thread] {
                boost::asio::io_context own(1);
                for (std::size_t i = thread; i < count; i += threads) {
                    auto body = [](const std::function<Task<T>(std::size_t)>& make_one, std::size_t at,
                                   std::optional<T>& result) -> Task<void> { result.emplace(co_await make_one(at)); };
                    boost::asio::co_spawn(own, body(make, i, results[i]), [&](const std::exception_ptr& error) {
                        const std::lock_guard lock(mutex);
                        if (error) failure = error;
                    });
                }
                own.run();
            });
        }
        for (std::thread& thread : running) thread.join();
        if (failure) std::rethrow_exception(failure);
        std::vector<T> out;
        for (auto& result : results) out.push_back(std::move(*result));
        return out;
    }

    // Short forms of what members do.
    Result<http::Created<Invitation>> invite(UserId from, UserId to, std::string note = "") {
        Invite body{to, {}, {}};
        if (!note.empty()) body.note = json::Text<0, 300>{std::move(note)};
        return run(service().invite(as(from), std::move(body)));
    }
    /// The id of an invitation, which must succeed.
    InvitationId invited(UserId from, UserId to, std::string note = "") {
        auto created = invite(from, to, std::move(note));
        if (!created) throw std::runtime_error("not invited: " + created.error().detail);
        return created->value.id;
    }
    Result<Invitation> accept(UserId user, InvitationId id) { return run(service().accept(as(user), id)); }
    void connect(UserId a, UserId b) {
        const auto id = invited(a, b);
        auto accepted = accept(b, id);
        if (!accepted) throw std::runtime_error("not accepted: " + accepted.error().detail);
    }
    bool are_connected(UserId a, UserId b) { return run(module->network().are_connected(a, b)); }
    Ids connections(UserId user) { return *run(module->network().connections_of(user)); }
    std::vector<Invitation> received(UserId user) { return run(service().list_received(as(user), {}))->items; }
    std::vector<Invitation> sent(UserId user) { return run(service().list_sent(as(user), {}))->items; }
    Relationship relationship(UserId me, UserId other) {
        return run(service().list_relationships(as(me), {{{other}}}))->items.at(0);
    }

    /// A block in the directory and, unless it is late, its event.
    void block(UserId user, UserId blocked, bool is_late = false) {
        directory.block(user, blocked);
        if (!is_late) deliver(user::Blocked{user, blocked});
    }
    void unblock(UserId user, UserId blocked) {
        directory.unblock(user, blocked);
        deliver(user::Unblocked{user, blocked});
    }

    ConnectionService& service() { return module->service(); }
    Network& network() { return module->network(); }
    Degrees& degrees() { return module->degrees(); }
    MemoryGraph& graph() { return *module->graph_engine().own(); }

    FakeDirectory& directory;
    std::optional<Module> module;

private:
    World(std::shared_ptr<Ground> over, cache::Coherence* shared, const Options& options)
        : ServiceRig(Module::definition(), over, shared), directory(over->directory) {
        module.emplace(base, Module::Needs{directory}, options);
        listen(*module);
    }
};

}  // namespace guildhall::connection::test
