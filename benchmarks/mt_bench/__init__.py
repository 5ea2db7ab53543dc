"""MT-Bench: 80 questions of two turns, and a judge that rates each answer from 1 to 10 (Zheng et al. 2023).

The grading is single-answer grading as in FastChat's llm_judge: the first turn is judged alone, the second with the
whole conversation in view, and math, reasoning and coding are judged with reference answers. Some of the hub's
references are themselves wrong: question 111's triangle has area 3, and its reference says 0. The judge is given them
unchanged, since published scores were made with them.
"""
