"""What members are made of: the learners' contract, boosted trees and a linear model.

The door is `models.learners.registry.LEARNERS`; a new one keeps `models.learners.contract`.
"""
