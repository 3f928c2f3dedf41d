"""From a study file to a study that is right in itself.

yaml_nodes  YAML text -> plain data that remembers its lines
document    the file, and what --set changes: where every value stands
levels      what varies, and the combinations of it that a design has
sections    levels on top of the base configuration, and whether they go together
probe       the user's own networks, asked in a process of their own
factors, claims, metrics, effects, tunable
            one key of the file each, checked against the tables
load        all of it: `load_study`
"""
