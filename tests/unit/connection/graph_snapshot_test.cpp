// Snapshots of the graph: what was saved comes back, and nothing else does.
#include "services/connection/graph/graph_snapshot.hpp"

#include <atomic>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/base/text.hpp"
#include "services/connection/graph/memory_graph.hpp"
#include "support/databases.hpp"
#include "support/random_graph.hpp"

namespace guildhall::connection {
namespace {

using guildhall::test::TestLoop;
using test::RandomGraph;
using testing::IsEmpty;

std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class GraphSnapshot : public testing::Test {
protected:
    std::vector<GraphEntry> entries(MemoryGraph& graph) {
        std::vector<GraphEntry> all;
        for (UserId after;;) {
            auto page = loop.run(graph.list(after, 1000));
            if (page.empty()) return all;
            after = page.back().member.id;
            all.insert(all.end(), page.begin(), page.end());
        }
    }
    /// Members of all kinds, and numbers that nobody has.
    void fill(MemoryGraph& graph, std::size_t count, double density) {
        const auto ids = random.ids(count);
        loop.run(graph.put_members(random.members(ids)));
        loop.run(graph.set_edges(random.edges(ids, density)));
        loop.run(graph.remove_members({ids[1], ids[2]}));
    }

    guildhall::test::TemporaryFolder folder;
    const std::filesystem::path path = folder.path() / "graph.snapshot";
    Pool pool{"graph", 2, 64};
    TestLoop loop;
    RandomGraph random{3};
};

TEST_F(GraphSnapshot, GivesBackMembersAndConnections) {
    MemoryGraph saved(pool);
    fill(saved, 60, 0.1);
    saved.save(path);
    MemoryGraph loaded(pool);
    loaded.load(path);
    EXPECT_EQ(entries(loaded), entries(saved));
    // It goes on like the one that was saved, with the numbers that were free.
    for (MemoryGraph* graph : {&saved, &loaded}) {
        loop.run(graph->set_edges({{UserId{5'000'000}, UserId{5'000'001}}, {UserId{5'000'000}, UserId{5'000'002}}}));
        loop.run(graph->remove_members({UserId{5'000'001}}));
    }
    EXPECT_EQ(entries(loaded), entries(saved));
}

TEST_F(GraphSnapshot, OfAnEmptyGraphIsEmpty) {
    MemoryGraph graph(pool);
    graph.save(path);
    loop.run(graph.set_edges({{UserId{1}, UserId{2}}}));
    graph.load(path);
    EXPECT_THAT(entries(graph), IsEmpty());
}

TEST_F(GraphSnapshot, TakesThePlaceOfTheOneBeforeAndLeavesNothingElse) {
    MemoryGraph graph(pool);
    graph.save(path);
    write_bytes(path.string() + ".unfinished", "of a process that died");
    fill(graph, 10, 0.3);
    graph.save(path);
    MemoryGraph loaded(pool);
    loaded.load(path);
    EXPECT_EQ(entries(loaded), entries(graph));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST_F(GraphSnapshot, ThatCannotBeWrittenLeavesTheOneBefore) {
    MemoryGraph graph(pool);
    EXPECT_THROW(graph.save(folder.path() / "absent" / "graph"), Unavailable);
    EXPECT_THROW(graph.save("/dev/full/graph"), Unavailable);
    // A folder stands where the file should be.
    std::filesystem::create_directories(path / "inside");
    EXPECT_THROW(graph.save(path), Unavailable);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST_F(GraphSnapshot, ThatIsNotThereIsUnavailable) {
    MemoryGraph graph(pool);
    EXPECT_THROW(graph.load(path), Unavailable);
}

TEST_F(GraphSnapshot, IsRefusedWhenAnyByteHasChanged) {
    MemoryGraph graph(pool);
    fill(graph, 12, 0.3);
    graph.save(path);
    const auto before = entries(graph);
    const std::string whole = bytes_of(path);
    ASSERT_GT(whole.size(), 400U);
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (const char flip : {'\x01', '\x80', '\xff'}) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ flip);
            write_bytes(path, damaged);
            ASSERT_THROW(graph.load(path), Corrupt) << "byte " << at;
        }
    }
    EXPECT_EQ(entries(graph), before);
}

TEST_F(GraphSnapshot, IsRefusedWhenItIsCutOffOrLonger) {
    MemoryGraph graph(pool);
    fill(graph, 12, 0.3);
    graph.save(path);
    const std::string whole = bytes_of(path);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        write_bytes(path, std::string_view(whole).substr(0, size));
        ASSERT_THROW(graph.load(path), Corrupt) << size << " bytes";
    }
    write_bytes(path, whole + '\0');
    EXPECT_THROW(graph.load(path), Corrupt);
    write_bytes(path, whole + whole);
    EXPECT_THROW(graph.load(path), Corrupt);
    write_bytes(path, whole);
    EXPECT_NO_THROW(graph.load(path));
}

TEST_F(GraphSnapshot, OfAnotherVersionOrSomethingElseIsRefused) {
    MemoryGraph graph(pool);
    graph.save(path);
    std::string other = bytes_of(path);
    other[7] = '1';
    for (const std::string& text :
         {other, std::string(5000, '\0'), std::string("SQLite format 3\0", 16), std::string(9, 'G')}) {
        write_bytes(path, text);
        EXPECT_THROW(graph.load(path), Corrupt);
    }
}

/// A snapshot with a sound checksum, as only a fault of ours could write it.
std::string snapshot_of(const std::vector<std::pair<std::uint32_t, std::string>>& blocks) {
    std::string out = "GHGRAPH2";
    const auto add = [&](auto value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); };
    for (std::uint32_t number = 0; number < blocks.size(); ++number) {
        const std::size_t begin = out.size();
        add(blocks[number].first);
        add(number);
        add(std::uint64_t{blocks[number].second.size()});
        out += blocks[number].second;
        add(stable_hash(std::string_view(out).substr(begin)));
    }
    return out;
}
std::string member_of(std::uint32_t number, std::int64_t id, const std::vector<std::uint32_t>& peers) {
    std::string out;
    const auto add = [&](auto value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); };
    add(number);
    add(std::uint8_t{1});
    add(id);
    add(std::uint32_t{0});
    add(std::uint32_t{0});
    add(static_cast<std::uint32_t>(peers.size()));
    for (const auto peer : peers) add(peer);
    return out;
}
std::string end_of(std::uint64_t count, std::uint64_t directions) {
    std::string out;
    for (const std::uint64_t value : {count, directions})
        out.append(reinterpret_cast<const char*>(&value), sizeof value);
    return out;
}

TEST_F(GraphSnapshot, ThatIsSoundButNoGraphIsRefused) {
    MemoryGraph graph(pool);
    write_bytes(path, snapshot_of({{1, member_of(0, 11, {1}) + member_of(1, 12, {0})}, {2, end_of(2, 2)}}));
    graph.load(path);
    const std::string pair = member_of(0, 11, {1}) + member_of(1, 12, {0});
    const std::vector<std::string> wrong{
        snapshot_of({{1, member_of(0, 11, {1}) + member_of(1, 11, {0})}, {2, end_of(2, 2)}}),     // one id twice
        snapshot_of({{1, member_of(0, 11, {1})}, {2, end_of(1, 1)}}),                             // with nobody
        snapshot_of({{1, member_of(0, 11, {0})}, {2, end_of(1, 1)}}),                             // with themself
        snapshot_of({{1, member_of(0, 11, {1, 1}) + member_of(1, 12, {0})}, {2, end_of(2, 3)}}),  // twice
        snapshot_of({{1, pair}, {2, end_of(3, 2)}}),                                              // one is missing
        snapshot_of({{1, pair}, {2, end_of(2, 4)}}),                                              // an edge is missing
        snapshot_of({{1, pair}, {3, end_of(2, 2)}}),                                              // no such block
        snapshot_of({{1, pair}, {2, end_of(2, 2) + '\0'}}),                                       // more than an end
        snapshot_of({{1, pair}, {2, end_of(2, 2)}, {2, end_of(2, 2)}}),                           // after the end
        snapshot_of({{1, pair + "x"}, {2, end_of(2, 2)}}),                                        // half a member
        snapshot_of({{1, pair}}),                                                                 // no end
    };
    for (std::size_t i = 0; i < wrong.size(); ++i) {
        write_bytes(path, wrong[i]);
        EXPECT_THROW(graph.load(path), Corrupt) << i;
    }
}

TEST_F(GraphSnapshot, MadeWhileTheGraphChangesHoldsOneMomentOfIt) {
    MemoryGraph graph(pool);
    std::vector<UserId> ids = random.ids(3000);
    std::atomic<bool> is_over{false};
    // Whatever changes, in each call: who is in pair n is connected with both or with none of the next pair.
    std::thread writer([&] {
        TestLoop own;
        RandomGraph chance(9);
        while (!is_over) {
            std::vector<GraphEdge> edges;
            for (int i = 0; i < 20; ++i) {
                const std::size_t n = chance.below(ids.size() / 2 - 1) * 2;
                const bool is_connected = chance.chance(0.7);
                edges.push_back({ids[n], ids[n + 2], is_connected});
                edges.push_back({ids[n], ids[n + 3], is_connected});
                edges.push_back({ids[n + 1], ids[n + 2], is_connected});
                edges.push_back({ids[n + 1], ids[n + 3], is_connected});
            }
            own.run(graph.set_edges(std::move(edges)));
        }
    });
    MemoryGraph loaded(pool);
    for (int round = 0; round < 20; ++round) {
        graph.save(path);
        loaded.load(path);
        std::map<UserId, Ids> peers;
        for (auto& entry : entries(loaded)) peers[entry.member.id] = entry.peers;
        for (const auto& [id, list] : peers) {
            for (const UserId peer : list) ASSERT_TRUE(contains(peers[peer], id));
        }
        for (std::size_t n = 0; n + 3 < ids.size(); n += 2) {
            const bool is_connected = contains(peers[ids[n]], ids[n + 2]);
            ASSERT_EQ(contains(peers[ids[n]], ids[n + 3]), is_connected);
            ASSERT_EQ(contains(peers[ids[n + 1]], ids[n + 2]), is_connected);
            ASSERT_EQ(contains(peers[ids[n + 1]], ids[n + 3]), is_connected);
        }
    }
    is_over = true;
    writer.join();
}

}  // namespace
}  // namespace guildhall::connection
