// Do the suggestions find connections that exist but are unknown? A tenth of the edges of a network is hidden. Each
// member is then shown the best 200 by our formula and by the usual rivals; the hidden ones should come first. Figures:
// docs/benchmarks.md.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "services/connection/graph/graph_questions.hpp"

namespace guildhall::connection {
namespace {

constexpr std::size_t kShown = Graph::kMostSuggestions;

using Edges = std::vector<std::pair<std::size_t, std::size_t>>;

/// An edge list and its name in the test.
struct NetworkFile {
    std::string name;
    std::filesystem::path path;
};

/// The generated network of tests/data/README.md, and the real one where it is at hand.
std::vector<NetworkFile> networks() {
    std::vector<NetworkFile> found{{"Generated", GUILDHALL_GENERATED_NETWORK}};
    const char* shared = std::getenv("GUILDHALL_SHARED");
    if (shared == nullptr || *shared == '\0') return found;
    const auto facebook = std::filesystem::path(shared) / "data/graph/facebook_combined.txt";
    if (std::filesystem::exists(facebook)) found.push_back({"Facebook", facebook});
    return found;
}

Edges read_edges(const std::filesystem::path& file) {
    std::ifstream in(file);
    Edges edges;
    for (std::size_t a = 0, b = 0; in >> a >> b;) edges.emplace_back(a, b);
    return edges;
}

/// How well a method brings the hidden edges back, as means over all members who have lost one.
struct Quality {
    double recall_10 = 0;   // the share of the lost ones that is among the first 10
    double recall_50 = 0;   // among the first 50
    double reciprocal = 0;  // 1 / the rank of the first lost one, 0 when it is not shown
};

/// The graph without a tenth of its edges.
struct Experiment {
    explicit Experiment(Edges edges, unsigned seed) {
        std::mt19937 random(seed);
        std::ranges::shuffle(edges, random);
        for (const auto& [a, b] : edges) members = std::max({members, a + 1, b + 1});
        peers.resize(members);
        lost.resize(members);
        std::vector<GraphEdge> known;
        for (std::size_t i = 0; i < edges.size(); ++i) {
            const auto [a, b] = edges[i];
            auto& lists = i < edges.size() / 10 ? lost : peers;
            lists[a].insert(b);
            lists[b].insert(a);
            if (&lists == &peers) known.push_back({.low = id_of(a), .high = id_of(b)});
        }
        graph.set_edges(known);
    }

    static UserId id_of(std::size_t member) { return UserId{static_cast<std::int64_t>(member) + 1}; }

    std::vector<std::size_t> ours(std::size_t me) const {
        std::vector<std::size_t> out;
        for (const auto& suggestion : suggest_in(graph, {.id = id_of(me), .hidden = {}}, {}, kShown))
            out.push_back(static_cast<std::size_t>(suggestion.id.value) - 1);
        return out;
    }
    /// All others by score(connections of mine, of the other, common ones), then by connections, then by id, as ours.
    template <class Score>
    std::vector<std::size_t> ranked(std::size_t me, Score score) const {
        std::vector<std::size_t> common(members);
        for (const std::size_t peer : peers[me]) {
            for (const std::size_t other : peers[peer]) ++common[other];
        }
        std::vector<std::tuple<double, std::ptrdiff_t, std::size_t>> all;
        for (std::size_t other = 0; other < members; ++other) {
            if (other != me && !peers[me].contains(other))
                all.emplace_back(-score(peers[me].size(), peers[other].size(), common[other]),
                                 -static_cast<std::ptrdiff_t>(peers[other].size()), other);
        }
        const auto shown = std::min(kShown, all.size());
        std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(shown));
        std::vector<std::size_t> out;
        for (std::size_t i = 0; i < shown; ++i) out.push_back(std::get<2>(all[i]));
        return out;
    }

    template <class Rank>
    Quality measure(Rank rank) const {
        Quality sum;
        std::size_t count = 0;
        for (std::size_t me = 0; me < members; ++me) {
            if (lost[me].empty()) continue;
            ++count;
            const auto shown = rank(me);
            std::size_t found = 0;
            for (std::size_t i = 0; i < shown.size(); ++i) {
                if (!lost[me].contains(shown[i])) continue;
                if (found++ == 0) sum.reciprocal += 1 / static_cast<double>(i + 1);
                const double share = 1 / static_cast<double>(lost[me].size());
                if (i < 10) sum.recall_10 += share;
                if (i < 50) sum.recall_50 += share;
            }
        }
        const auto of = static_cast<double>(count);
        return {sum.recall_10 / of, sum.recall_50 / of, sum.reciprocal / of};
    }

    std::size_t members = 0;
    std::vector<std::set<std::size_t>> peers;
    std::vector<std::set<std::size_t>> lost;
    CompactGraph graph;
};

class SuggestQuality : public ::testing::TestWithParam<NetworkFile> {};

// [C14]
TEST_P(SuggestQuality, FindsHiddenConnectionsAtLeastAsWellAsTheBestOfTheUsualRivals) {
    const Edges edges = read_edges(GetParam().path);
    ASSERT_EQ(edges.size(), 88'234U) << GetParam().path;
    const Experiment experiment(edges, 1);
    const auto show = [](const char* name, const Quality& quality) {
        std::printf("| %-24s | %.4f | %.4f | %.4f |\n", name, quality.recall_10, quality.recall_50, quality.reciprocal);
        return quality;
    };
    const auto rival = [&](const char* name, auto score) {
        return show(name, experiment.measure([&](std::size_t me) { return experiment.ranked(me, score); }));
    };
    const Quality ours = show("ours", experiment.measure([&](std::size_t me) { return experiment.ours(me); }));
    std::mt19937 random(2);
    const Quality rivals[] = {
        rival("common neighbours",
              [](std::size_t, std::size_t, std::size_t common) { return static_cast<double>(common); }),
        rival("Jaccard",
              [](std::size_t a, std::size_t b, std::size_t common) {
                  return static_cast<double>(common) / static_cast<double>(std::max<std::size_t>(a + b - common, 1));
              }),
        rival("preferential attachment",
              [](std::size_t a, std::size_t b, std::size_t) { return static_cast<double>(a * b); }),
        rival("random",
              [&](std::size_t, std::size_t, std::size_t) { return std::uniform_real_distribution<>()(random); }),
    };
    for (const Quality& other : rivals) {
        EXPECT_GE(ours.recall_10, other.recall_10);
        EXPECT_GE(ours.recall_50, other.recall_50);
        EXPECT_GE(ours.reciprocal, other.reciprocal);
    }
}

INSTANTIATE_TEST_SUITE_P(Networks, SuggestQuality, ::testing::ValuesIn(networks()),
                         [](const auto& network) { return network.param.name; });

}  // namespace
}  // namespace guildhall::connection
