#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "services/connection/member_service.hpp"
#include "support/connection_world.hpp"

namespace guildhall::connection::test {

/// Another graph, with hooks before it lists its members or is changed.
class WatchedGraph final : public Graph {
public:
    explicit WatchedGraph(Graph& inner) : inner_(inner) {}

    /// Called once, before the members after this one are listed.
    void before_listing_behind(UserId after, std::function<Task<void>()> hook) {
        listed_after_ = after;
        before_list_ = std::move(hook);
    }
    /// Called before each change of edges, and before members are removed.
    std::function<Task<void>()> before_set_edges;
    std::function<Task<void>()> before_remove_members;

    Task<void> put_members(std::vector<GraphMember> members) override { return inner_.put_members(std::move(members)); }
    Task<void> remove_members(std::vector<UserId> members) override {
        const auto hook = before_remove_members;
        if (hook) co_await hook();
        co_await inner_.remove_members(std::move(members));
    }
    Task<void> set_edges(std::vector<GraphEdge> edges) override {
        const auto hook = before_set_edges;  // it may remove itself
        if (hook) co_await hook();
        co_await inner_.set_edges(std::move(edges));
    }
    Task<std::vector<GraphEntry>> list(UserId after, std::size_t limit) override {
        if (before_list_ && after >= listed_after_) {
            const auto hook = std::exchange(before_list_, nullptr);
            co_await hook();
        }
        co_return co_await inner_.list(after, limit);
    }
    Task<std::vector<std::optional<int>>> degrees(Viewer viewer, std::vector<UserId> members) override {
        return inner_.degrees(std::move(viewer), std::move(members));
    }
    Task<std::vector<Suggestion>> suggest(Viewer viewer, Ids excluded, std::size_t limit) override {
        return inner_.suggest(std::move(viewer), std::move(excluded), limit);
    }
    Task<std::vector<Path>> paths(Viewer viewer, UserId target, std::size_t limit, int max_hops) override {
        return inner_.paths(std::move(viewer), target, limit, max_hops);
    }
    Task<NetworkSize> network_size(Viewer viewer) override { return inner_.network_size(std::move(viewer)); }

private:
    Graph& inner_;
    UserId listed_after_;
    std::function<Task<void>()> before_list_;
};

/// A keeper of the graph of `world` that can be observed, without its module.
struct WatchedKeeper {
    explicit WatchedKeeper(World& of) : world(of) {}

    World& world;
    WatchedGraph graph{world.graph()};
    ConnectionStore connections{world.database};
    MemberStore members{world.database};
    GraphCheckStore checks{world.database};
    CachedMembers cached{members, world.coherence, 1000};
    MemberService profiles{{members, cached, world.coherence, world.outbox, world.directory}};
    GraphKeeper keeper{{graph, nullptr, connections, members, checks, profiles, world.directory, world.coherence,
                        world.ids, world.clock}};
};

/// A world whose graph answers, on the engine that the parameter names.
class GraphKeeperTest : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const auto missing = guildhall::test::TestDatabase::missing(GetParam()); !missing.empty())
            GTEST_SKIP() << missing;
        world = std::make_unique<World>(GetParam());
        world->graph().set_ready();
    }

    GraphKeeper& keeper() { return world->module->graph_keeper(); }
    GraphReport compare(bool repairs) { return world->run(keeper().compare(repairs)); }
    std::vector<GraphEntry> graph() { return world->run(world->graph().list({}, Graph::kMostChanges)); }
    std::optional<int> degree(UserId me, UserId other) {
        return world->run(world->graph().degrees({me, {}}, {other})).front();
    }
    void set(std::vector<GraphEdge> edges) { world->run(world->graph().set_edges(std::move(edges))); }
    void put(std::vector<GraphMember> members) { world->run(world->graph().put_members(std::move(members))); }
    /// Members with rows in the tables and ids 1,000 apart, which increase from call to call.
    std::vector<UserId> people_in_rows(std::size_t count) {
        std::string rows;
        std::vector<UserId> people;
        const std::int64_t first = world->member().value + 1'000'000;
        for (std::size_t i = 0; i < count; ++i) {
            people.push_back(UserId{first + static_cast<std::int64_t>(i) * 1000});
            world->directory.put(people.back(), "Jane Doe");
            rows += (i == 0 ? "(" : ", (") + std::to_string(people.back().value) + ")";
        }
        world->database.execute_script("INSERT INTO members (user_id) VALUES " + rows);
        world->clock.advance(std::chrono::seconds(1));
        return people;
    }
    /// Connects one member with `count` others, whose ids start at `first`, in the tables only.
    void connect_in_rows(UserId star, std::int64_t first, int count) {
        const std::string id = std::to_string(star.value);
        const std::string columns = "connections (user_id, peer_id, connected_at, sort_name) ";
        world->database.execute_script("WITH RECURSIVE n(i) AS (SELECT CAST(" + std::to_string(first) +
                                       " AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < " +
                                       std::to_string(first + count) + ") INSERT INTO " + columns + "SELECT " + id +
                                       ", i, 1, '' FROM n UNION ALL SELECT i, " + id + ", 1, '' FROM n");
    }

    std::unique_ptr<World> world;
};

}  // namespace guildhall::connection::test
