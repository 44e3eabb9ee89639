#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "services/connection/graph/graph.hpp"

namespace guildhall::connection::test {

/// Random members, edges and queries; the same for the same seed.
class RandomGraph {
public:
    explicit RandomGraph(unsigned seed) : random_(seed) {}

    /// A random number below `end`.
    std::size_t below(std::size_t end) { return random_() % end; }
    bool chance(double share) { return std::uniform_real_distribution<>()(random_) < share; }

    /// Unordered ids, with gaps.
    std::vector<UserId> ids(std::size_t count) {
        std::vector<UserId> out;
        std::int64_t id = 0;
        while (out.size() < count) out.push_back(UserId{id += 1 + static_cast<std::int64_t>(below(1000))});
        std::ranges::shuffle(out, random_);
        return out;
    }
    GraphMember member(UserId id, double hiding = 0.15, double opted_out = 0.15) {
        static constexpr const char* kPlaces[] = {"", "turin", "köln"};
        static constexpr const char* kIndustries[] = {"", "", "mining", "music"};
        return {.id = id,
                .place = kPlaces[below(3)],
                .industry = kIndustries[below(4)],
                .hides_network = chance(hiding),
                .is_suggestable = !chance(opted_out)};
    }
    std::vector<GraphMember> members(const std::vector<UserId>& ids) {
        std::vector<GraphMember> out;
        for (const UserId id : ids) out.push_back(member(id));
        return out;
    }
    /// Each pair with the probability `density`; some edges twice, some reversed.
    std::vector<GraphEdge> edges(const std::vector<UserId>& ids, double density) {
        std::vector<GraphEdge> out;
        for (std::size_t a = 0; a < ids.size(); ++a) {
            for (std::size_t b = 0; b < a; ++b) {
                if (!chance(density)) continue;
                out.push_back({.low = ids[a], .high = ids[b]});
                if (chance(0.05)) out.push_back({.low = ids[b], .high = ids[a]});
            }
        }
        return out;
    }
    /// Each of `ids` except `except` with the probability `share`; ascending.
    Ids some(const std::vector<UserId>& ids, double share, UserId except) {
        Ids out;
        for (const UserId id : ids) {
            if (id != except && chance(share)) out.push_back(id);
        }
        std::ranges::sort(out);
        return out;
    }
    UserId one(const std::vector<UserId>& ids) { return ids[below(ids.size())]; }

private:
    std::mt19937 random_;
};

}  // namespace guildhall::connection::test
