#include <algorithm>
#include <array>
#include <span>

#include "services/connection/graph/graph_questions.hpp"
#include "services/connection/graph/graph_scratch.hpp"

namespace guildhall::connection {
namespace {

/// The members between viewer and target, in order; `count` of them.
struct Between {
    std::array<MemberIndex, Graph::kMostHops - 1> members{};
    std::size_t count = 0;
    std::uint32_t score = 0;
};

/// One question.
class Finding {
public:
    Finding(const CompactGraph& graph, MemberIndex me, MemberIndex target, std::size_t limit, std::size_t budget)
        : graph_(graph), me_(me), target_(target), limit_(limit), budget_(budget), scratch_(graph) {}

    std::vector<Path> answer(const Viewer& viewer, int max_hops) {
        for (const UserId id : viewer.hidden) {
            if (const MemberIndex member = graph_.find(id); member != CompactGraph::kNobody)
                scratch_->hidden.add(member);
        }
        if (scratch_->hidden.has(target_)) return {};
        if (graph_.are_connected(me_, target_)) keep({});
        if (max_hops >= 2 && !graph_.hides_network(target_) && !is_enough()) find_longer(max_hops);
        return std::move(found_);
    }

private:
    bool is_enough() const { return found_.size() == limit_; }
    std::uint32_t score_of(MemberIndex member) const { return graph_.score_of(member); }
    /// By higher score, then lower id.
    bool is_better_member(MemberIndex a, MemberIndex b) const {
        if (score_of(a) != score_of(b)) return score_of(a) > score_of(b);
        return graph_.id_of(a) < graph_.id_of(b);
    }
    /// Of two with equally many steps.
    bool is_better(const Between& a, const Between& b) const {
        if (a.score != b.score) return a.score > b.score;
        for (std::size_t i = 0; i < a.count; ++i) {
            if (a.members[i] != b.members[i]) return graph_.id_of(a.members[i]) < graph_.id_of(b.members[i]);
        }
        return false;
    }

    void find_longer(int max_hops) {
        mark_side(me_, scratch_->mine);
        mark_side(target_, scratch_->theirs);
        if (scratch_->mine.members().empty() || scratch_->theirs.members().empty()) return;
        find_two();
        end_of_length();
        if (max_hops < 3 || is_enough()) return;
        find_three();
        end_of_length();
        if (max_hops < 4 || is_enough()) return;
        find_four();
        end_of_length();
    }

    /// Those next to `end` through whom a path may lead.
    void mark_side(MemberIndex end, Marks& side) {
        for (const MemberIndex peer : graph_.peers_of(end)) {
            if (is_passable(peer)) side.add(peer);
        }
    }
    bool is_passable(MemberIndex member) const {
        return member != me_ && member != target_ && !graph_.hides_network(member) && !scratch_->hidden.has(member);
    }

    void find_two() {
        const bool is_mine_shorter = scratch_->mine.members().size() <= scratch_->theirs.members().size();
        const Marks& walked = is_mine_shorter ? scratch_->mine : scratch_->theirs;
        const Marks& other = is_mine_shorter ? scratch_->theirs : scratch_->mine;
        for (const MemberIndex member : walked.members()) {
            if (other.has(member)) offer({.members = {member}, .count = 1, .score = score_of(member)});
        }
    }

    /// Walks the rows of the side with the shorter ones, the highest scores first, which are also the shortest rows.
    void find_three() {
        const bool is_mine_walked = rows_of(scratch_->mine) <= rows_of(scratch_->theirs);
        const Marks& walked = is_mine_walked ? scratch_->mine : scratch_->theirs;
        const Marks& other = is_mine_walked ? scratch_->theirs : scratch_->mine;
        const std::uint32_t most = best_score(other);
        std::size_t left = budget_;
        graph_.for_each_row(in_order(walked), [&](MemberIndex near, std::span<const MemberIndex> row) {
            if (row.size() > left || is_too_little(score_of(near) + most)) return false;
            left -= row.size();
            for (const MemberIndex far : row) {
                if (!other.has(far)) continue;
                const auto members = is_mine_walked ? std::array{near, far} : std::array{far, near};
                offer({.members = {members[0], members[1]}, .count = 2, .score = score_of(near) + score_of(far)});
            }
            return true;
        });
    }

    /// Notes for each member in the middle the best two first steps that lead there; then walks the last steps, the
    /// best first, and looks further only where the best path through a middle and a last step is good enough.
    void find_four() {
        Tally& best = scratch_->first;  // the number of the best first step, and 1
        Tally& next = scratch_->second;
        best.fit(graph_.capacity() + 1);
        next.fit(graph_.capacity() + 1);
        std::size_t left = budget_;
        const std::vector<MemberIndex> firsts = in_order(scratch_->mine);
        graph_.for_each_row(firsts, [&](MemberIndex first, std::span<const MemberIndex> row) {
            if (row.size() > left) return false;
            left -= row.size();
            for (const MemberIndex middle : row) {
                if (best.of(middle) == 0) {
                    best.set(middle, first + 1);
                } else if (next.of(middle) == 0) {
                    next.set(middle, first + 1);
                }
            }
            return true;
        });
        const std::uint32_t most = score_of(firsts.front()) + shared_connection_score(0);
        left = budget_;
        graph_.for_each_row(in_order(scratch_->theirs), [&](MemberIndex last, std::span<const MemberIndex> row) {
            if (row.size() > left || is_too_little(score_of(last) + most)) return false;
            left -= row.size();
            for (const MemberIndex middle : row) {
                std::uint32_t first = best.of(middle);
                if (first == last + 1) first = next.of(middle);
                if (first == 0 || !is_passable(middle)) continue;
                if (!offer(through(first - 1, middle, last)) || next.of(middle) == 0) continue;
                const std::size_t visits = graph_.degree_of(middle);
                if (visits > left) return false;
                left -= visits;
                offer_all_through(middle, last, first - 1);
            }
            return true;
        });
    }
    /// Offers the paths through `middle` and `last`, the best first, until one is not good enough; not the one whose
    /// first step is `offered`, the best of all.
    void offer_all_through(MemberIndex middle, MemberIndex last, MemberIndex offered) {
        firsts_.clear();
        for (const MemberIndex peer : graph_.peers_of(middle)) {
            if (peer != last && peer != offered && scratch_->mine.has(peer)) firsts_.push_back(peer);
        }
        std::ranges::sort(firsts_, [&](MemberIndex a, MemberIndex b) { return is_better_member(a, b); });
        for (const MemberIndex first : firsts_) {
            if (!offer(through(first, middle, last))) return;
        }
    }
    Between through(MemberIndex first, MemberIndex middle, MemberIndex last) const {
        return {
            .members = {first, middle, last}, .count = 3, .score = score_of(first) + score_of(middle) + score_of(last)};
    }

    std::size_t rows_of(const Marks& side) const {
        std::size_t entries = 0;
        for (const MemberIndex member : side.members()) entries += graph_.degree_of(member);
        return entries;
    }
    std::uint32_t best_score(const Marks& side) const {
        std::uint32_t best = 0;
        for (const MemberIndex member : side.members()) best = std::max(best, score_of(member));
        return best;
    }
    std::vector<MemberIndex> in_order(const Marks& side) const {
        std::vector<MemberIndex> order = side.members();
        std::ranges::sort(order, [&](MemberIndex a, MemberIndex b) { return is_better_member(a, b); });
        return order;
    }

    /// True when a path of at most this score cannot be among the best any more.
    bool is_too_little(std::uint32_t score) const {
        return found_.size() + best_.size() == limit_ && score < best_.back().score;
    }
    /// Takes a path among the best of its length when it belongs there; false when it does not.
    bool offer(const Between& path) {
        if (found_.size() + best_.size() == limit_) {
            if (!is_better(path, best_.back())) return false;
            best_.pop_back();
        }
        best_.insert(
            std::ranges::upper_bound(best_, path, [&](const Between& a, const Between& b) { return is_better(a, b); }),
            path);
        return true;
    }
    void end_of_length() {
        for (const Between& path : best_) keep(path);
        best_.clear();
    }
    void keep(const Between& between) {
        Path path{.members = {graph_.id_of(me_)}, .score = between.score};
        for (std::size_t i = 0; i < between.count; ++i) path.members.push_back(graph_.id_of(between.members[i]));
        path.members.push_back(graph_.id_of(target_));
        found_.push_back(std::move(path));
    }

    const CompactGraph& graph_;
    const MemberIndex me_;
    const MemberIndex target_;
    const std::size_t limit_;
    const std::size_t budget_;
    ScratchLease scratch_;
    std::vector<Between> best_;  // of the length that is being searched, the best first
    std::vector<Path> found_;    // of shorter ones
    std::vector<MemberIndex> firsts_;
};

}  // namespace

std::vector<Path> paths_in(const CompactGraph& graph, const Viewer& viewer, UserId target, std::size_t limit,
                           int max_hops, std::size_t budget) {
    const MemberIndex from = graph.find(viewer.id);
    const MemberIndex to = graph.find(target);
    limit = std::min(limit, Graph::kMostPaths);
    if (from == CompactGraph::kNobody || to == CompactGraph::kNobody || from == to || limit == 0 || max_hops < 1)
        return {};
    return Finding(graph, from, to, limit, budget).answer(viewer, std::min(max_hops, Graph::kMostHops));
}

}  // namespace guildhall::connection
