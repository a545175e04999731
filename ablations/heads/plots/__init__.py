"""The plots of the heads study, each made from a plain list of rows."""
